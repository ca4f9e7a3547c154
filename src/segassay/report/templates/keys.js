
// Keys for the whole page. They rest while one writes, and can be switched off.
(() => {
  const help = document.getElementById("keys");
  const on = document.getElementById("keys-on");
  const filter = document.getElementById("filter");
  try { on.checked = localStorage.getItem("segassay keys") !== "off"; } catch { /* stays on */ }
  on.addEventListener("change", () => {
    try { localStorage.setItem("segassay keys", on.checked ? "on" : "off"); } catch { /* for now */ }
  });
  for (const button of document.querySelectorAll("[data-do=keys]")) {
    button.addEventListener("click", () => help.showModal());
  }
  help.addEventListener("click", (event) => {
    if (event.target === help || event.target.closest("[data-do=close]")) help.close();
  });

  help.addEventListener("close", () => document.activeElement?.blur());

  const articles = () => Array.from(document.querySelectorAll("article:not(.out)"));
  const current = () => document.activeElement?.closest("article");
  const step = (n) => {
    const link = document.querySelector(n > 0 ? "a[rel=next]" : "a[rel=prev]");
    if (document.getElementById("up")) {
      link?.click();
      return;
    }
    const all = articles();
    const at = all.indexOf(current());
    const next = all[at < 0 ? (n > 0 ? 0 : all.length - 1) : at + n];
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "start" });
  };
  const leave = () => {
    if (filter && document.getElementById("filters").classList.contains("active")) {
      document.getElementById("filters").reset();
    } else if (filter && document.activeElement === filter) {
      filter.blur();
    } else {
      document.getElementById("up")?.click();
    }
  };
  const focusFilter = () => {
    filter?.scrollIntoView({ block: "center" });
    filter?.focus();
  };
  const keys = {
    n: () => step(1), p: () => step(-1), "/": focusFilter, "?": () => help.showModal(),
    z: () => (current() ?? document).querySelector(".zoom")?.click(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const { target, key } = event;
    if (key === "Escape") {
      leave();
    } else if (key === "Enter" && target.matches("article.exhibit")) {
      target.querySelector("a.open")?.click();
    } else if (key in keys && on.checked && !target.matches("input, select, textarea")) {
      event.preventDefault();
      keys[key]();
    }
  });
})();
