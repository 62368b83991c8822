/* What a channel's page shows on demand: heat maps over photos, the examples of an interval. The page is
   complete without it. A classic script that asks for nothing, so that it works from a folder on a disk. */
(() => {
  "use strict";

  const source = document.getElementById("channel-data");
  if (!source) return;
  const { heats, bars, intervals } = JSON.parse(source.textContent);
  const { root } = source.dataset;
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const words = (value) => (value === null ? "no number" : String(value).replace("-", "−"));

  function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  // -- heat maps ---------------------------------------------------------------------------------

  const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";
  const canvas = make("canvas", { ariaHidden: "true" });
  let shown = null;
  let dismissed = null;

  /** The whole photo in place of the crop, lit where the channel is on; with none, crops again. */
  function look(example) {
    if (example === shown) return;
    shown?.classList.remove("whole-photo");
    canvas.remove();
    shown = example;
    if (!example) return;
    example.classList.add("whole-photo");
    const heat = heats[example.dataset.photo];
    if (!heat) return;
    paint(...heat.split(":"));
    find(".see", example).append(canvas);
  }
  /** Each digit holds two cells of a row, of six levels; the last of an odd row is only the first of them. */
  function paint(width, digits) {
    const pairs = Math.ceil(width / 2);
    [canvas.width, canvas.height] = [width, digits.length / pairs];
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(canvas.width, canvas.height);
    [...digits].forEach((digit, place) => {
      const [row, column] = [Math.floor(place / pairs), 2 * (place % pairs)];
      const value = DIGITS.indexOf(digit);
      pixels.data.set(colour(Math.floor(value / 6) / 5), 4 * (row * width + column));
      if (column + 1 < width) pixels.data.set(colour((value % 6) / 5), 4 * (row * width + column + 1));
    });
    context.putImageData(pixels, 0, 0);
  }
  /** Dark where it is off, clear where it is half on, amber where it is fully on: told apart without hues too. */
  function colour(value) {
    return value < 0.5 ? [0, 0, 0, Math.round(180 * (1 - 2 * value))] : [255, 190, 40, Math.round(220 * (value - 0.5))];
  }

  const exampleOf = (event) => (event.target instanceof Element ? event.target.closest(".example") : null);
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const example = exampleOf(event);
    // What comes to lie under a pointer that rests, as the map goes, is pointed at anew: not by the reader.
    if (example && example === dismissed) return;
    dismissed = null;
    if (example || !shown?.matches(":focus")) look(example);
  });
  document.addEventListener("focusin", (event) => { dismissed = null; look(exampleOf(event)); });
  // Touch knows neither pointing nor, everywhere, focus: a tap shows the photo, another the crop.
  let before = null;
  document.addEventListener("pointerdown", () => { before = shown; }, true);
  document.addEventListener("click", (event) => {
    const example = exampleOf(event);
    if (example) look(event.pointerType === "touch" && example === before ? null : example);
    else if (event.pointerType === "touch") look(null);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    dismissed = shown;
    look(null);
  });

  // -- intervals of the histogram ----------------------------------------------------------------

  const box = find("[data-interval]");
  const axis = find(".axis");
  if (box && axis && Object.keys(intervals).length) startIntervals();

  function startIntervals() {
    const title = make("p", { textContent: "Choose a bar to see examples of its interval." });
    title.setAttribute("role", "status");
    const list = make("ol", { className: "examples" });
    const radios = [];
    const choice = make("fieldset", { className: "choice" }, make("legend", { textContent: "Examples of an interval" }));
    bars.forEach(([low, high, count], place) => {
      if (!intervals[place]?.length) { choice.append(make("i")); return; }
      const radio = make("input", { type: "radio", name: "interval", value: place, ariaLabel: `${words(low)} to ${words(high)}, ${count.toLocaleString("en")} positions` });
      radios.push(radio);
      choice.append(make("label", {}, radio));
    });
    const total = bars.reduce((sum, [, , count]) => sum + count, 0);
    let chosen;
    const show = (place) => {
      chosen = place;
      const [low, high, count] = bars[place];
      const share = (100 * count) / total;
      const exact = share >= 10 ? share.toFixed(0) : share >= 0.1 ? share.toFixed(1) : "under 0.1";
      fill(place, `${words(low)} to ${words(high)}: ${count.toLocaleString("en")} positions, ${exact} %`, intervals[place]);
    };
    /** Show examples, unless others were asked for while the list of photos was fetched. */
    const fill = (what, text, examples) => {
      title.textContent = text;
      photos().then((all) => {
        if (what === chosen) list.replaceChildren(...examples.map((one) => make("li", {}, figure(one, all))));
      }, () => { title.textContent = "This does not work here: the file photos.js of this layer is missing."; });
    };
    const step = (way) => {
      const place = radios.findIndex((one) => one.checked);
      const next = place < 0 ? (way > 0 ? 0 : radios.length - 1) : Math.max(0, Math.min(radios.length - 1, place + way));
      radios[next].checked = true;
      show(radios[next].value);
    };
    /** Three positions drawn from all of them, as far as each interval has examples. */
    const random = () => {
      const pool = radios.flatMap(({ value }) => intervals[value].map((one) => [one, bars[value][2] / intervals[value].length]));
      const drawn = [];
      while (drawn.length < 3 && pool.length) {
        let left = Math.random() * pool.reduce((sum, [, weight]) => sum + weight, 0);
        const place = pool.findIndex(([, weight]) => (left -= weight) <= 0);
        drawn.push(...pool.splice(Math.max(0, place), 1).map(([one]) => one));
      }
      for (const radio of radios) radio.checked = false;
      chosen = "random";
      fill("random", "Three positions at random", drawn);
    };
    choice.addEventListener("change", (event) => show(event.target.value));
    const button = (sign, label, way) => make("button", { type: "button", className: "button", ariaLabel: label, textContent: sign, onclick: () => step(way) });
    axis.append(choice);
    box.append(make("div", {}, title, button("‹", "Interval below", -1), button("›", "Interval above", 1), make("button", { type: "button", className: "button", textContent: "Random", onclick: random })), list);
  }
  /** The photos of the layer as [file, what it is]; asked for when first needed. */
  let asked;
  function photos() {
    asked ??= new Promise((resolve, reject) => {
      const script = make("script", { src: source.dataset.photos, onload: () => resolve(window.MICROSCOPE_PHOTOS), onerror: reject });
      document.head.append(script);
    });
    return asked;
  }
  function figure([number, value, x, y, w, h], all) {
    const [picture, name] = all[number];
    const image = make("img", { src: root + picture, alt: `${name}, ${words(value)}` });
    const text = make("span", { ariaHidden: "true" }, make("b", { textContent: words(value) }), " " + name);
    const example = make("button", { type: "button", className: "example" }, make("span", { className: "see" }, image), text);
    example.dataset.photo = number;
    for (const [key, share] of Object.entries({ x, y, w, h })) example.style.setProperty("--" + key, share);
    return example;
  }

  // -- the line of anchors -----------------------------------------------------------------------

  // The address holds the recipe, so that a place in the page is gone to without it.
  const anchors = all(".anchors a");
  const targets = anchors.map((link) => document.getElementById(link.hash.slice(1)));
  anchors.forEach((link, place) => link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    targets[place].scrollIntoView();
    targets[place].tabIndex = -1;
    targets[place].focus({ preventScroll: true });
  }));
  const seen = new Set();
  const watch = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) {
      if (isIntersecting) seen.add(target);
      else seen.delete(target);
    }
    const here = targets.findIndex((target) => seen.has(target));
    anchors.forEach((link, place) => link.toggleAttribute("aria-current", place === here));
  }, { rootMargin: "-64px 0px -50% 0px" });
  targets.forEach((target) => watch.observe(target));
})();
