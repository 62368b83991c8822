/* A layer's grid: shown by another recipe, sorted, filtered, coloured by what is known, moved about in by keys.
   Comes after microscope.js, on layers' pages only. */
(() => {
  "use strict";

  const { beside, find, all, make, fold, crisp, store, isPlain, pins, readAddress, writeAddress, extension } = window.microscope;
  const tools = find("[data-grid-tools]");
  const grid = find("[data-grid]");
  if (!tools || !grid) return;

  // An address such as #dream&negative&sort=activation&colour=kinship&show=has-a-twin&filter=3-6 holds a recipe
  // of the layer as a whole, one of the grid, and how the grid is shown, each only where it is not as usual.
  const STATES = { d: "dead", f: "failed", m: "not yet", n: "none" };
  const layer = JSON.parse(find("#layer-data").textContent);
  const { sort, colour, show, filter, size, pinning } = tools.elements;
  let recipe = layer.recipes[0];
  let remark = "";

  const flagged = new Map();
  for (const [flag, places] of Object.entries(layer.flags)) for (const place of places) flagged.set(place, [...flagsOf(place), flag]);
  function flagsOf(index) { return flagged.get(index) || []; }
  const cells = all("li", grid).map((item, index) => {
    const link = find("a", item);
    const words = fold([item.dataset.words || "", ...flagsOf(index)].join(" "));
    return { item, link, index, channel: parseInt(link.getAttribute("href"), 10), words };
  });
  const addressOf = (link) => `${grid.dataset.grid}/${parseInt(link.getAttribute("href"), 10)}/${recipe.slug}`;

  // -- what channels are sorted and coloured by --------------------------------------------------

  const percent = (value) => (value >= 0.9995 || value === 0 ? Math.round(100 * value)
    : (100 * value).toPrecision(value >= 0.1 ? 2 : 1)) + " %";
  const within = (value) => Math.max(0, Math.min(1, value));
  /** `of` gives a value for every cell, if there are any; `share` puts it between 0 and 1, `text` into words. */
  const MEASURES = {
    activation: { of: () => recipe.activation, signed: true },
    sparsity: { of: () => recipe.sparsity, signed: true },
    strength: { of: () => recipe.strength, share: within, text: percent },
    // It goes beyond its scale of 0 to 1 on both sides.
    kinship: { of: () => recipe.kinship, share: (value) => within((value + 1) / 3), text: (value) => value.toFixed(2).replace("-", "−") },
    // From one position in ten thousand to all of them, each ten times as many a quarter further.
    density: { of: () => layer.density, share: (value) => within(1 + Math.log10(value) / 4), text: percent },
  };
  const isKnown = (by) => !MEASURES[by] || Boolean(MEASURES[by].of());

  // -- its tools ---------------------------------------------------------------------------------

  function onTool({ target }) {
    const { name, value } = target;
    if (name === "size") {
      document.documentElement.style.setProperty("--tile", value + "px");
      store.set("size", value);
      return;
    }
    if (name === "sort") { store.set("sort", value); sortCells(); }
    if (name === "colour") colourCells();
    if (name === "show" || name === "filter") filterCells();
    if (name === "recipe") useRecipe(layer.recipes.find((one) => one.slug === value));
    writeAddress();
  }
  /** Show the grid as the address says; sorted, where it doesn't, as the reader last sorted one. */
  function readGrid() {
    const { places, value } = readAddress();
    choose(sort, value("sort") || store.get("sort"));
    choose(colour, value("colour"));
    choose(show, value("show"));
    filter.value = value("filter");
    useRecipe(layer.recipes.find((one) => places.includes(one.slug)) || layer.recipes[0]);
  }
  /** Choose an option of that name, or the first. */
  function choose(select, name) {
    if (select) select.value = [...select.options].some((one) => one.value === name) ? name : select.options[0].value;
  }
  function parts() {
    return [
      recipe !== layer.recipes[0] && recipe.slug,
      sort.value !== "index" && "sort=" + sort.value,
      colour?.value && "colour=" + colour.value,
      show?.value && "show=" + show.value,
      filter.value.trim() && "filter=" + encodeURIComponent(filter.value.trim()),
    ].filter(Boolean);
  }

  // -- recipes -----------------------------------------------------------------------------------

  function useRecipe(wanted) {
    const changed = wanted !== recipe;
    recipe = wanted;
    const radio = all("[name=recipe]", tools).find((one) => one.value === recipe.slug);
    if (radio) radio.checked = true;
    if (changed) cells.forEach(paint);
    for (const option of [...sort.options, ...(colour?.options || [])]) option.disabled = !isKnown(option.value);
    for (const plots of all("[data-trust]")) plots.hidden = plots.dataset.trust !== recipe.slug;
    sortCells();
    colourCells();
    if (changed) pins.show();
  }
  /** Show a cell by the recipe: another contact sheet, at the same place of it. */
  function paint({ link, index, channel }) {
    const state = recipe.states[index];
    const crop = find(".crop", link);
    const shown = state === "s" || state === "d";
    crop.classList.toggle("none", !shown);
    link.classList.toggle("dead", state === "d");
    link.setAttribute("href", `${channel}.html#${recipe.slug}`);
    if (!shown) { crop.replaceChildren(wordFor(state, channel)); return; }
    let image = find("img", crop);
    if (!image) {
      image = make("img", { alt: "", loading: "lazy" });
      crop.style.cssText = `--c:${(index % 64) % 8};--r:${Math.floor((index % 64) / 8)}`;
      crop.replaceChildren(image);
    }
    image.src = `${beside(grid.dataset.grid)}${recipe.slug}/sheet-${Math.floor(index / 64)}.webp`;
    image.alt = `${grid.dataset.name}, channel ${channel}, recipe ${recipe.name}`;
  }

  /** Why a cell has no picture, or its place among those that a run is about to make. */
  function wordFor(state, channel) {
    const place = state === "m" && placeOf(grid.dataset.grid, recipe.slug, channel);
    return place ? `no. ${place}` : STATES[state];
  }
  let placeOf = () => 0;
  extension.showQueue = (known) => {
    placeOf = known;
    for (const cell of cells) if (recipe.states[cell.index] === "m") paint(cell);
  };

  // -- sorting, colouring, filtering -------------------------------------------------------------

  function sortCells() {
    const named = find(`option[value=${sort.value}]`, sort).textContent;
    const unknown = !isKnown(sort.value);
    if (unknown) sort.value = "index";
    remark = unknown ? `${named[0].toUpperCase()}${named.slice(1)} is not known of “${recipe.name}”: sorted by channel.`
      : sort.value === "similarity" && recipe !== layer.recipes[0] ? `Likeness is that of “${layer.recipes[0].name}”.` : "";
    const sorted = inOrder(sort.value);
    if (sorted.some((cell, place) => grid.children[place] !== cell.item)) grid.replaceChildren(...sorted.map((cell) => cell.item));
    filterCells();
  }
  function inOrder(by) {
    if (layer.orders[by]) return layer.orders[by].map((index) => cells[index]);
    const measure = MEASURES[by];
    if (!measure) return cells;
    const values = measure.of();
    // A channel that is driven down is at its best at the bottom.
    const sign = measure.signed ? recipe.sign : 1;
    const rank = ({ index }) => (values[index] === null ? -Infinity : sign * values[index]);
    return [...cells].sort((a, b) => rank(b) - rank(a) || a.index - b.index);
  }
  /** A bar under each thumbnail, as long as its value is high; where there is none, the bar is dashed. */
  function colourCells() {
    if (!colour) return;
    if (!isKnown(colour.value)) colour.value = "";
    const measure = MEASURES[colour.value];
    const values = measure?.of();
    grid.classList.toggle("coloured", Boolean(measure));
    for (const legend of all("[data-legend]")) legend.hidden = legend.dataset.legend !== colour.value;
    for (const { item, index } of measure ? cells : []) {
      const known = values[index] !== null;
      item.classList.toggle("unknown", !known);
      item.style.setProperty("--share", known ? measure.share(values[index]).toFixed(3) : 0);
      find(".n", item).dataset.value = known ? measure.text(values[index]) : "–";
    }
  }
  function filterCells() {
    const tokens = fold(filter.value).split(/[\s,#]+/).filter(Boolean);
    const flag = show?.value && show.selectedOptions[0].dataset.flag;
    const wanted = flag && new Set(layer.flags[flag]);
    let count = 0;
    for (const cell of cells) {
      cell.item.hidden = (wanted && !wanted.has(cell.index)) || (tokens.length > 0 && !fits(cell, tokens));
      if (!cell.item.hidden) count++;
    }
    find("output", tools).textContent = [tokens.length || flag ? `${count} of ${cells.length}` : "", remark].filter(Boolean).join(". ");
    find(".nothing").hidden = count > 0;
  }
  const RANGE = /^(\d+)(?:[-–](\d+))?$/;
  /** Numbers and ranges widen (any will do), words narrow (all must be there). */
  function fits(cell, tokens) {
    const ranges = tokens.map((token) => RANGE.exec(token)).filter(Boolean);
    const rest = tokens.filter((token) => !RANGE.test(token));
    const text = cell.words + " " + (STATES[recipe.states[cell.index]] || "");
    return (!ranges.length || ranges.some(([, a, b]) => +a <= cell.channel && cell.channel <= +(b ?? a)))
      && rest.every((token) => text.includes(token));
  }

  // -- in the grid -------------------------------------------------------------------------------

  function moveInGrid(event) {
    const links = all("li:not([hidden]) > a", grid);
    const here = links.indexOf(document.activeElement);
    if (here < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -here, End: links.length - 1 - here };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    links[here + steps[event.key]]?.focus();
  }
  function onCell(event) {
    const link = event.target.closest("a");
    if (!link || !pinning.checked || !isPlain(event)) return;
    event.preventDefault();
    pins.toggle(addressOf(link));
  }

  /** Resting on a thumbnail shows the picture large; touch screens have no resting. */
  function startPreview() {
    if (!matchMedia("(hover: hover) and (pointer: fine)").matches) return;
    const picture = make("img", { alt: "" });
    const words = make("p");
    const box = document.body.appendChild(make("div", { className: "preview", hidden: true, ariaHidden: "true" }, picture, words));
    let timer;
    const hide = () => { clearTimeout(timer); picture.onload = null; box.hidden = true; };
    grid.addEventListener("pointerover", (event) => {
      const link = event.target.closest("li > a");
      hide();
      if (!link || !find("img", link)) return;
      timer = setTimeout(() => {
        picture.onload = (event) => { crisp(event); placeBeside(box, link.getBoundingClientRect()); };
        words.textContent = known(cells.find((cell) => cell.link === link));
        picture.src = `${beside(grid.dataset.grid)}${recipe.slug}/${parseInt(link.getAttribute("href"), 10)}.webp`;
      }, 350);
    });
    grid.addEventListener("pointerleave", hide);
    addEventListener("scroll", hide, { passive: true });
    addEventListener("keydown", hide);
  }
  /** What is known of a channel, in a line. */
  function known({ index }) {
    const figure = (by) => MEASURES[by].of()?.[index] ?? null;
    const said = (by, words) => (figure(by) === null ? "" : words + " " + MEASURES[by].text(figure(by)));
    return [said("strength", "Strength"), said("kinship", "Kinship"), said("density", "On at"), ...flagsOf(index)].filter(Boolean).join(" · ");
  }
  function placeBeside(box, cell) {
    box.hidden = false;
    const { width, height } = box.getBoundingClientRect();
    const right = cell.right + 12 + width < innerWidth;
    box.style.left = (right ? cell.right + 12 : Math.max(8, cell.left - 12 - width)) + "px";
    box.style.top = Math.max(8, Math.min(innerHeight - height - 8, cell.top + cell.height / 2 - height / 2)) + "px";
  }

  // -- start -------------------------------------------------------------------------------------

  Object.assign(extension, {
    parts,
    filter,
    pinned: () => document.activeElement?.closest("[data-grid] a") && addressOf(document.activeElement),
    showPins(list) {
      for (const { link } of cells) {
        const pinned = list.includes(addressOf(link));
        link.classList.toggle("pinned", pinned);
        link.ariaDescription = pinned ? "pinned" : null;
      }
    },
  });
  if (store.get("size")) size.value = store.get("size");
  readGrid();
  pins.show();
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("input", onTool);
  const more = find("[aria-controls=more]", tools);
  more?.addEventListener("click", () => { more.ariaExpanded = String(more.ariaExpanded !== "true"); });
  grid.addEventListener("keydown", moveInGrid);
  grid.addEventListener("click", onCell);
  addEventListener("hashchange", readGrid);
  startPreview();
})();
