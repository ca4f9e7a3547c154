
// A picture, enlarged: layers on and off, zoom with wheel or keys, drag to move.
(() => {
  const viewer = document.getElementById("viewer");
  const canvas = viewer.querySelector("svg");
  const title = document.getElementById("viewer-title");
  const boxes = Array.from(viewer.querySelectorAll("[data-layer]"));
  let at = null;
  let whole = [0, 0, 1, 1];
  let view = [0, 0, 1, 1];

  const numbers = (text) => text.split(" ").map(Number);
  const look = (next) => {
    view = next;
    canvas.setAttribute("viewBox", view.join(" "));
  };
  const layers = () => {
    for (const box of boxes) canvas.style.setProperty(`--${box.dataset.layer}`, box.checked ? 1 : 0);
  };
  const open = (button) => {
    at = button;
    const small = button.querySelector("svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `#${button.dataset.slice}`);
    canvas.replaceChildren(use);
    title.textContent = small.getAttribute("aria-label");
    whole = numbers(button.dataset.whole);
    look(numbers(small.getAttribute("viewBox")));
    boxes.find((box) => box.dataset.layer === "veil").checked = small.classList.contains("error");
    layers();
    if (!viewer.open) viewer.showModal();
  };
  const zoom = (factor, x = view[0] + view[2] / 2, y = view[1] + view[3] / 2) => {
    const widest = 2 * Math.max(whole[2], whole[3]);
    const f = Math.min(Math.max(factor, Math.max(whole[2], whole[3]) / 60 / view[2]), widest / view[2]);
    look([x - (x - view[0]) * f, y - (y - view[1]) * f, view[2] * f, view[3] * f]);
  };
  const shown = () => Array.from(document.querySelectorAll(".zoom"))
    .filter((button) => button.offsetParent !== null);
  const step = (n) => {
    const all = shown();
    const next = all[all.indexOf(at) + n];
    if (next) open(next);
  };
  const toggle = (layer) => {
    const box = boxes.find((b) => b.dataset.layer === layer);
    box.checked = !box.checked;
    layers();
  };
  const place = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY);
    return point.matrixTransform(canvas.getScreenCTM().inverse());
  };

  const actions = {
    in: () => zoom(0.7), out: () => zoom(1 / 0.7), all: () => look(whole),
    before: () => step(-1), after: () => step(1), close: () => viewer.close(),
  };
  const keys = {
    "+": actions.in, "=": actions.in, "-": actions.out, w: actions.all,
    ArrowLeft: actions.before, ArrowRight: actions.after,
    l: () => toggle("label"), s: () => toggle("suggested"), e: () => toggle("veil"),
  };
  for (const button of document.querySelectorAll(".zoom")) {
    button.addEventListener("click", () => open(button));
  }
  viewer.addEventListener("click", (event) => {
    const action = event.target.closest("[data-do]")?.dataset.do;
    if (action) actions[action]();
    else if (event.target === viewer) viewer.close();
  });
  viewer.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  viewer.addEventListener("close", () => at?.focus());
  viewer.addEventListener("input", layers);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = place(event);
    zoom(event.deltaY < 0 ? 0.85 : 1 / 0.85, x, y);
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    const from = place(event);
    const move = (moved) => {
      const to = place(moved);
      look([view[0] - (to.x - from.x), view[1] - (to.y - from.y), view[2], view[3]]);
    };
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("pointerup", () => canvas.removeEventListener("pointermove", move), { once: true });
  });
})();
