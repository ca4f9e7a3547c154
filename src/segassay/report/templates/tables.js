"use strict";
document.documentElement.classList.add("with-script");

// Tables: a text filter of their own, and sorting by a click on the head of a column.
(() => {
  const filterable = (input) => {
    const rows = Array.from(document.getElementById(input.dataset.table).tBodies[0].rows);
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const count = input.parentElement.querySelector(".count");
    const show = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      rows.forEach((row, n) => { row.hidden = !words.every((word) => texts[n].includes(word)); });
      const n = rows.filter((row) => !row.hidden).length;
      count.textContent = words.length ? `${n} of ${rows.length}` : `${rows.length} in all`;
    };
    input.addEventListener("input", show);
    show();
  };
  document.querySelectorAll("input[data-table]").forEach(filterable);

  const value = (row, column) => {
    const cell = row.cells[column];
    return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent;
  };
  const sortable = (button) => {
    const head = button.closest("th");
    const body = head.closest("table").tBodies[0];
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of head.parentElement.cells) {
        if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      }
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const sorted = Array.from(body.rows).sort((a, b) => {
        const [x, y] = [value(a, head.cellIndex), value(b, head.cellIndex)];
        const order = typeof x === "number" ? x - y : x.localeCompare(y, undefined, { numeric: true });
        return up ? order : -order;
      });
      body.append(...sorted);
    });
  };
  document.querySelectorAll("th button").forEach(sortable);

  document.getElementById("copy")?.addEventListener("click", async (event) => {
    const text = document.getElementById("markdown");
    try {
      await navigator.clipboard.writeText(text.textContent);
      event.target.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text);
      event.target.textContent = "Selected: press Ctrl+C";
    }
  });
})();
