
// One filter for the labels wherever they stand: dots, pictures, table.
(() => {
  const form = document.getElementById("filters");
  if (!form) return;
  const rows = Array.from(document.querySelectorAll("#table tbody tr"));
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const elsewhere = Array.from(document.querySelectorAll(".chart a, .exhibit"));
  const structures = Array.from(document.querySelectorAll(".dist tbody tr"));
  const kept = `segassay filters ${location.pathname}`;

  // What the sticky bars cover is left free above a place that a link leads to.
  const nav = document.querySelector("nav");
  const keepClear = () => {
    const over = getComputedStyle(form).position === "sticky" ? form.offsetHeight : 0;
    document.documentElement.style.setProperty("--bar", `${nav.offsetHeight + over}px`);
  };

  const fits = (row, wanted, words) => {
    const { structure, verdict, severity, score } = row.dataset;
    if (wanted.structure && structure !== wanted.structure) return false;
    if (wanted.verdict && !wanted.verdict.split(",").includes(verdict)) return false;
    if (wanted.severity && severity !== wanted.severity) return false;
    if ((wanted.least || wanted.most) && score === "") return false;
    if (wanted.least && Number(score) < Number(wanted.least)) return false;
    if (wanted.most && Number(score) > Number(wanted.most)) return false;
    return words.every((word) => texts.get(row).includes(word));
  };
  const show = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
    const seen = new Set();
    for (const row of rows) {
      row.hidden = !fits(row, wanted, words);
      if (!row.hidden) seen.add(row.dataset.row);
    }
    for (const part of elsewhere) part.classList.toggle("out", !seen.has(part.dataset.row));
    for (const row of structures) {
      row.hidden = wanted.structure !== "" && row.dataset.structure !== wanted.structure;
    }
    const active = Object.values(wanted).some(Boolean);
    form.classList.toggle("active", active);
    document.getElementById("count").textContent =
      active ? `${seen.size} of ${rows.length}` : `${rows.length} in all`;
    keepClear();
    try { sessionStorage.setItem(kept, JSON.stringify(wanted)); } catch { /* not kept, then */ }
  };
  const reset = () => { for (const field of form.elements) if (field.name) field.value = ""; };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", show);
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    reset();
    show();
  });
  whenAsked("labels", (wanted) => {
    reset();
    for (const [name, text] of wanted) if (form.elements[name]) form.elements[name].value = text;
    show();
  });
  try {
    for (const [name, text] of Object.entries(JSON.parse(sessionStorage.getItem(kept)) ?? {})) {
      if (form.elements[name]) form.elements[name].value = text;
    }
  } catch { /* nothing kept */ }
  show();
  followAddress();
  addEventListener("resize", keepClear);

  // One dot of a figure is reached by Tab, the others from it by the arrow keys.
  for (const chart of document.querySelectorAll(".chart")) {
    const dots = () => Array.from(chart.querySelectorAll("a[href]:not(.out)"));
    dots().forEach((dot, n) => dot.setAttribute("tabindex", n ? -1 : 0));
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const open = dots();
      const at = open.indexOf(document.activeElement);
      if (!step || at < 0) return;
      event.preventDefault();
      const next = open[Math.min(Math.max(at + step, 0), open.length - 1)];
      open[at].setAttribute("tabindex", -1);
      next.setAttribute("tabindex", 0);
      next.focus();
    });
  }
})();
