/* A network's page: says which of its views is seen, and begins a wide graph at its input. */
(() => {
  "use strict";

  const { find, all } = window.microscope;
  const scroller = find("[data-middle]");

  function start() {
    const graph = find("svg", scroller);
    const room = scroller.clientWidth;
    const left = graph.getBoundingClientRect().left - scroller.getBoundingClientRect().left + scroller.scrollLeft;
    scroller.scrollLeft = left + Number(scroller.dataset.middle) - room / 2;
  }
  function tell() {
    const seen = location.hash === "#layers" ? "#layers" : "#graph";
    for (const tab of all(".tabs a")) {
      if (tab.hash === seen) tab.setAttribute("aria-current", "true");
      else tab.removeAttribute("aria-current");
    }
  }

  tell();
  start();
  addEventListener("hashchange", () => { tell(); if (!scroller.scrollLeft) start(); });
})();
