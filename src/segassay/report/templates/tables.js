"use strict";
document.documentElement.classList.add("with-script");

// A link such as #labels:verdict=check asks for a list, and for what it shows.
const askedFor = new Map();
const whenAsked = (section, act) => askedFor.set(section, act);
const followAddress = () => {
  const [section, wanted] = location.hash.slice(1).split(/:(.*)/s);
  if (wanted === undefined || !askedFor.has(section)) return;
  askedFor.get(section)(new URLSearchParams(wanted));
  document.getElementById(section).scrollIntoView();
};
addEventListener("hashchange", followAddress);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (!link?.hash.includes(":")) return;
  event.preventDefault();
  history.pushState(null, "", link.hash);  // no change of address where one asks twice
  followAddress();
});

// Tables: a filter of their own, and sorting by a click on the head of a column.
(() => {
  const filterable = (form) => {
    const rows = Array.from(document.getElementById(form.dataset.table).tBodies[0].rows);
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const { text, severity } = form.elements;
    const show = () => {
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      rows.forEach((row, n) => {
        const fits = !severity.value || row.dataset.severity === severity.value;
        row.hidden = !(fits && words.every((word) => texts[n].includes(word)));
      });
      const n = rows.filter((row) => !row.hidden).length;
      form.querySelector(".count").textContent =
        n < rows.length ? `${n} of ${rows.length}` : `${rows.length} in all`;
    };
    const ask = (wanted) => {
      [text.value, severity.value] = ["", wanted.get("severity") ?? ""];
      show();
    };
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    whenAsked("findings", ask);
    // A rule named beside a label leads to its finding, filtered out or not.
    addEventListener("hashchange", () => {
      const row = rows.find((one) => `#${one.id}` === location.hash);
      if (!row?.hidden) return;
      ask(new URLSearchParams());
      row.scrollIntoView();
    });
    show();
    followAddress();
  };
  document.querySelectorAll("form[data-table]").forEach(filterable);

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
