"use strict";
addEventListener("beforeprint", () => {
  for (const element of document.querySelectorAll("details.figures")) element.open = true;
});
(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const words = document.getElementById("words"), which = document.getElementById("which");
  const whose = document.getElementById("whose") ?? { value: "", addEventListener() {} };
  const count = document.getElementById("count"), nothing = document.getElementById("nothing");
  const open = document.getElementById("open");
  const units = [...document.querySelectorAll("details.unit")].map((element) => ({
    element,
    text: element.textContent.toLowerCase().replace(/\s+/g, " "),
    is: new Set(element.dataset.is.split(" ")),
    of: element.dataset.of,
  }));
  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const unit of units) {
      const chosen = (!which.value || unit.is.has(which.value)) && (!whose.value || unit.of === whose.value);
      const fits = chosen && wanted.every((word) => unit.text.includes(word));
      unit.element.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${units.length}`;
    nothing.hidden = shown > 0;
  };
  const reveal = () => {
    let name = "";
    try { name = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const target = name && document.getElementById(name);
    if (!target || !target.matches("details.unit")) return;
    if (target.hidden) { words.value = ""; which.value = ""; whose.value = ""; filter(); }
    target.open = true;
    target.scrollIntoView();
  };
  words.addEventListener("input", filter);
  which.addEventListener("change", filter);
  whose.addEventListener("change", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  open.addEventListener("click", () => {
    const opening = open.textContent === "Open all";
    for (const unit of units) if (!unit.element.hidden) unit.element.open = opening;
    open.textContent = opening ? "Close all" : "Open all";
  });
  addEventListener("hashchange", reveal);
  form.hidden = false;
  filter();
  reveal();
})();
