/* The one script: a page is complete without it; with it, it is quicker to use.
   A classic script, and data come as scripts too, so that all of it works from a folder on a disk. */
(() => {
  "use strict";

  const root = document.currentScript.dataset.root;
  const html = document.documentElement;
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  /** An element with properties (or attributes, when it has no such property) and children. */
  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in element) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  /** Small pictures are enlarged pixel by pixel; for `onload`, as only then their size is known. */
  function crisp({ target }) {
    target.classList.toggle("small", Math.min(target.naturalWidth, target.naturalHeight) < 96);
  }

  // A browser may forbid storage to pages from a disk: then a choice lasts as long as the page.
  const memory = {};
  const store = {
    get(name) {
      try { return localStorage.getItem("microscope-" + name) ?? memory[name] ?? ""; } catch { return memory[name] ?? ""; }
    },
    set(name, value) {
      memory[name] = value;
      try { localStorage.setItem("microscope-" + name, value); } catch { /* said above */ }
    },
  };

  const status = document.body.appendChild(make("p", { className: "toast", role: "status" }));
  function say(text) {
    status.textContent = text;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { status.textContent = ""; }, 2500);
  }

  // What search and compare know of the whole site; read when first needed.
  let siteData;
  function site() {
    siteData ??= new Promise((resolve, reject) => {
      const script = make("script", { src: root + "data/search.js" });
      script.onload = () => resolve(window.MICROSCOPE);
      script.onerror = () => reject(new Error("data/search.js is missing"));
      document.head.append(script);
    });
    return siteData;
  }

  // -- light and dark ----------------------------------------------------------------------------

  function switchTheme() {
    const dark = getComputedStyle(html).colorScheme === "dark"
      || (getComputedStyle(html).colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    html.dataset.theme = dark ? "light" : "dark";
    store.set("theme", html.dataset.theme);
  }

  // -- pins: addresses such as models/vgg19/block4_conv2/17/channel ------------------------------

  const pins = {
    list: () => store.get("pins").split(",").filter(Boolean),
    save(list) {
      store.set("pins", [...new Set(list)].slice(0, 48).join(","));
      pins.show();
    },
    toggle(address) {
      const list = pins.list();
      const there = list.includes(address);
      pins.save(there ? list.filter((other) => other !== address) : [...list, address]);
      say(there ? "Unpinned." : "Pinned. Compare shows what is pinned.");
    },
    show() {
      const list = pins.list();
      const link = find("[data-pins]");
      if (link) {
        link.href = root + "compare.html" + (list.length ? "#" + list.join(",") : "");
        const badge = find("b", link);
        badge.textContent = list.length;
        badge.hidden = !list.length;
        badge.setAttribute("aria-label", list.length + " pinned");
      }
      for (const button of all("[data-pin]")) button.setAttribute("aria-pressed", list.includes(button.dataset.pin));
      for (const cell of all("[data-grid] a")) cell.classList.toggle("pinned", list.includes(addressOf(cell)));
    },
  };

  // -- dialogs -----------------------------------------------------------------------------------

  function openDialog(className, label, ...children) {
    const dialog = make("dialog", { className, ariaLabel: label }, ...children);
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
  }

  const KEYS = [
    ["/", "search everything"], ["← →", "previous, next channel or layer"], ["Home End", "first, last channel"],
    ["g", "up to the grid, the model, the models"], ["1 – 9", "recipe"], ["z", "zoom the picture"],
    ["a", "play its animation"], ["p", "pin this channel"], ["c", "compare what is pinned"], ["f", "filter the grid"],
    ["arrows", "move in the grid, once inside"], ["t", "light or dark"], ["?", "this help"],
  ];
  function help() {
    const rows = KEYS.map(([key, what]) => make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, what)));
    const close = make("button", { className: "button", type: "button", onclick: () => dialog.close() }, "Close");
    const dialog = openDialog("help", "Keyboard shortcuts", make("h2", {}, "Keyboard"), make("dl", {}, ...rows), close);
  }

  // -- search ------------------------------------------------------------------------------------

  const inRanges = (ranges, number) => ranges.some(([first, last]) => first <= number && number <= last);
  const words = (...texts) => texts.flat().filter(Boolean).join(" ").toLowerCase();

  /** Everything that has a name, as {kind, title, where, href, text}. */
  function* named(data) {
    for (const [tag, path, count] of data.families) {
      yield { kind: "family", title: tag, where: count === 1 ? "1 channel" : `${count} channels`, href: path, text: words(tag) };
    }
    for (const model of data.models) {
      yield { kind: "model", title: model.name, where: model.label || "", href: model.path, text: words(model.name, model.label, model.text, model.tags) };
      for (const layer of model.layers) {
        const href = layer.folder + "/index.html";
        yield { kind: "layer", title: layer.name, where: words(model.name), href, text: words(model.name, layer.name, layer.label, layer.text, layer.tags) };
        for (const [channel, note] of Object.entries(layer.notes)) {
          yield channelEntry(model, layer, channel, note.label || (note.tags || []).join(", "), words(note.label, note.text, note.tags));
        }
        let place = 0;
        if (layer.classes.length) {
          for (const channel of numbers(layer.channels)) yield channelEntry(model, layer, channel, layer.classes[place], words(layer.classes[place++]));
        }
      }
    }
  }
  function* numbers(ranges) {
    for (const [first, last] of ranges) for (let number = first; number <= last; number++) yield number;
  }
  function channelEntry(model, layer, channel, label, text) {
    return {
      kind: "channel", title: label ? `${channel} ${label}` : `Channel ${channel}`, where: `${model.name} / ${layer.name}`,
      href: `${layer.folder}/${channel}.html`, text: words(model.name, layer.name, String(channel), text),
    };
  }
  /** Channels asked for by number: `17`, `block5c 17`, `lite0/head/17`. */
  function* numbered(data, tokens) {
    for (const token of tokens.filter((one) => /^\d+$/.test(one))) {
      const others = tokens.filter((one) => one !== token);
      for (const model of data.models) {
        for (const layer of model.layers) {
          const text = words(model.name, layer.name, layer.label);
          if (inRanges(layer.channels, +token) && others.every((one) => text.includes(one))) {
            yield channelEntry(model, layer, token, (layer.notes[token] || {}).label || "", "");
          }
        }
      }
    }
  }
  function lookUp(data, query) {
    const tokens = query.toLowerCase().split(/[\s/]+/).filter(Boolean);
    if (!tokens.length) return [];
    const found = new Map();
    const rank = (entry) => (entry.title.toLowerCase().startsWith(tokens[0]) ? 0 : 1);
    const fitting = [...named(data)].filter((entry) => tokens.every((token) => entry.text.includes(token)));
    fitting.sort((a, b) => rank(a) - rank(b));
    for (const entry of [...numbered(data, tokens), ...fitting]) if (!found.has(entry.href)) found.set(entry.href, entry);
    return [...found.values()].slice(0, 50);
  }

  async function search() {
    const input = make("input", {
      type: "search", placeholder: "Layer, channel number, note, class …", ariaLabel: "Search", role: "combobox",
      autocomplete: "off", spellcheck: false, "aria-expanded": "false", "aria-controls": "found", "aria-autocomplete": "list",
    });
    const list = make("ul", { id: "found", role: "listbox", ariaLabel: "Results", hidden: true });
    const hint = make("p", { className: "hint" }, "Try a layer’s name, “", make("b", {}, "17"), "”, or a layer and a number.");
    const dialog = openDialog("palette", "Search", input, list, hint);
    let data;
    let chosen = 0;
    let hasty = false; // Enter came before the data did
    const choose = (place) => {
      const options = all("[role=option]", list);
      chosen = (place + options.length) % (options.length || 1);
      options.forEach((option, n) => option.setAttribute("aria-selected", n === chosen));
      options[chosen]?.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", options.length ? "found-" + chosen : "");
    };
    const update = () => {
      if (!data) return;
      const found = lookUp(data, input.value);
      list.replaceChildren(...found.map((entry, n) => make("li", { id: "found-" + n, role: "option", ariaSelected: "false", "data-href": root + entry.href },
        make("b", {}, entry.title), make("span", {}, entry.where), make("i", {}, entry.kind))));
      list.hidden = !found.length;
      hint.hidden = found.length > 0;
      if (input.value.trim() && !found.length) hint.textContent = "Nothing here has that name.";
      input.setAttribute("aria-expanded", found.length > 0);
      choose(0);
    };
    input.addEventListener("input", update);
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") choose(chosen + 1);
      else if (event.key === "ArrowUp") choose(chosen - 1);
      else if (event.key === "Escape") dialog.close(); // a search field would only empty itself
      else if (event.key === "Enter") { hasty = !data; find("[aria-selected=true]", list)?.click(); }
      else return;
      event.preventDefault();
    });
    list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (!option) return;
      dialog.close();
      if (event.ctrlKey || event.metaKey) open(option.dataset.href);
      else location.href = option.dataset.href;
    });
    data = await site().catch(() => null);
    if (!data) { hint.textContent = "The search data of this site are missing."; return; }
    update();
    if (hasty) find("[aria-selected=true]", list)?.click();
  }

  // -- a layer's grid ----------------------------------------------------------------------------

  const grid = find("[data-grid]");
  const tools = find("[data-grid-tools]");
  const STATES = { d: "dead", f: "failed", m: "not yet", n: "none" };
  let cells = [];
  let layer;
  let recipe;

  const folder = () => (grid ? grid.dataset.grid : "");
  const addressOf = (link) => `${folder()}/${parseInt(link.getAttribute("href"), 10)}/${recipe.slug}`;

  function startGrid() {
    layer = JSON.parse(find("#layer-data").textContent);
    cells = all("li", grid).map((item, index) => {
      const link = find("a", item);
      return { item, link, index, channel: parseInt(link.getAttribute("href"), 10), words: (item.dataset.words || "").toLowerCase() };
    });
    recipe = layer.recipes[0];
    for (const name of ["sort", "size"]) if (store.get(name)) tools.elements[name].value = store.get(name);
    if (!tools.elements.sort.value) tools.elements.sort.value = "index";
    readHash();
    if (tools.elements.sort.value !== "index") sortCells();
    tools.addEventListener("submit", (event) => event.preventDefault());
    tools.addEventListener("input", onTool);
    grid.addEventListener("keydown", moveInGrid);
    grid.addEventListener("click", onCell);
    addEventListener("hashchange", readHash);
    startPreview();
  }
  function onTool({ target }) {
    if (target.name === "size") { html.style.setProperty("--tile", target.value + "px"); store.set("size", target.value); }
    if (target.name === "sort") { store.set("sort", target.value); sortCells(); }
    if (target.name === "filter") filterCells();
    if (target.name === "recipe") location.replace("#" + target.value);
  }
  function readHash() {
    // The layer as a whole has recipes of its own, beside the grid's.
    if (shots.some((shot) => "#" + shot.id === location.hash)) return;
    const wanted = layer.recipes.find((one) => "#" + one.slug === location.hash) || layer.recipes[0];
    if (wanted === recipe) return;
    recipe = wanted;
    const radio = all("[name=recipe]", tools).find((one) => one.value === recipe.slug);
    if (radio) radio.checked = true;
    cells.forEach(paint);
    sortCells();
    pins.show();
  }
  /** Show a cell by the recipe: another contact sheet, at the same place of it. */
  function paint({ link, index, channel }) {
    const state = recipe.states[index];
    const crop = find(".crop", link);
    const shown = state === "s" || state === "d";
    crop.classList.toggle("none", !shown);
    link.classList.toggle("dead", state === "d");
    link.setAttribute("href", `${channel}.html#${recipe.slug}`);
    if (!shown) { crop.replaceChildren(STATES[state]); return; }
    let image = find("img", crop);
    if (!image) {
      image = make("img", { alt: "", loading: "lazy" });
      crop.style.cssText = `--c:${(index % 64) % 8};--r:${Math.floor((index % 64) / 8)}`;
      crop.replaceChildren(image);
    }
    image.src = `${recipe.slug}/sheet-${Math.floor(index / 64)}.webp`;
    image.alt = `${grid.dataset.name}, channel ${channel}, recipe ${recipe.name}`;
  }
  function sortCells() {
    const by = tools.elements.sort.value;
    const order = layer.orders[by];
    const value = { activation: recipe.activation, sparsity: recipe.sparsity }[by];
    // A channel that is driven down is at its best at the bottom.
    const sign = recipe.objective === "negative" ? -1 : 1;
    let sorted = cells;
    if (order) sorted = order.map((index) => cells[index]);
    else if (value) sorted = [...cells].sort((a, b) => sign * ((value[b.index] ?? -sign * Infinity) - (value[a.index] ?? -sign * Infinity)) || a.index - b.index);
    grid.replaceChildren(...sorted.map((cell) => cell.item));
    filterCells();
  }
  function filterCells() {
    const tokens = tools.elements.filter.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    let count = 0;
    for (const cell of cells) {
      cell.item.hidden = tokens.length > 0 && !fits(cell, tokens);
      if (!cell.item.hidden) count++;
    }
    find("output", tools).textContent = tokens.length ? `${count} of ${cells.length}` : "";
    find(".nothing").hidden = count > 0;
  }
  /** Numbers and ranges widen (any will do), words narrow (all must be there). */
  function fits(cell, tokens) {
    const ranges = tokens.map((token) => /^(\d+)(?:-(\d+))?$/.exec(token)).filter(Boolean);
    const rest = tokens.filter((token) => !/^\d+(-\d+)?$/.test(token));
    const text = cell.words + " " + (STATES[recipe.states[cell.index]] || "");
    return (!ranges.length || ranges.some(([, a, b]) => +a <= cell.channel && cell.channel <= +(b ?? a)))
      && rest.every((token) => text.includes(token));
  }
  function moveInGrid(event) {
    const links = cells.length ? all("li:not([hidden]) > a", grid) : [];
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
    if (!link || !tools.elements.pinning.checked || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    pins.toggle(addressOf(link));
  }

  /** Resting on a thumbnail shows the picture large; touch screens have no resting. */
  function startPreview() {
    if (!matchMedia("(hover: hover) and (pointer: fine)").matches) return;
    const picture = make("img", { alt: "" });
    const box = document.body.appendChild(make("div", { className: "preview", hidden: true, ariaHidden: "true" }, picture));
    let timer;
    const hide = () => { clearTimeout(timer); box.hidden = true; };
    grid.addEventListener("pointerover", (event) => {
      const link = event.target.closest("li > a");
      hide();
      if (!link || !find("img", link)) return;
      timer = setTimeout(() => {
        picture.src = `${recipe.slug}/${parseInt(link.getAttribute("href"), 10)}.webp`;
        picture.onload = (event) => { crisp(event); placeBeside(box, link.getBoundingClientRect()); };
      }, 350);
    });
    grid.addEventListener("pointerleave", hide);
    addEventListener("scroll", hide, { passive: true });
    addEventListener("keydown", hide);
  }
  function placeBeside(box, cell) {
    box.hidden = false;
    const { width, height } = box.getBoundingClientRect();
    const right = cell.right + 12 + width < innerWidth;
    box.style.left = (right ? cell.right + 12 : Math.max(8, cell.left - 12 - width)) + "px";
    box.style.top = Math.max(8, Math.min(innerHeight - height - 8, cell.top + cell.height / 2 - height / 2)) + "px";
  }

  // -- a channel, or a layer as a whole ----------------------------------------------------------

  const shots = all(".shot");

  function startShots() {
    showShot();
    addEventListener("hashchange", showShot);
    for (const link of all(".recipes a")) {
      link.addEventListener("click", (event) => { event.preventDefault(); location.replace(link.getAttribute("href")); });
    }
    for (const image of all("img.large")) image.addEventListener("click", () => zoom(image));
  }
  function showShot() {
    const current = shots.find((shot) => "#" + shot.id === location.hash) || shots[0];
    for (const button of all("[data-still]")) play(button);
    for (const shot of shots) shot.classList.toggle("current", shot === current);
    for (const link of all(".recipes a")) link.toggleAttribute("aria-current", link.hash === "#" + current.id);
    // The recipe stays the same from channel to channel.
    if (current !== shots[0]) for (const link of all("a[rel], .film a")) link.hash = current.id;
    else for (const link of all("a[rel], .film a")) link.href = link.getAttribute("href").split("#")[0];
  }
  /** The animation in place of the still, or back. The file is only asked for when it is to be seen. */
  function play(button) {
    const image = find("img.large", button.closest(".shot"));
    const { still, animation } = button.dataset;
    if (!still && matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    if (still) delete button.dataset.still;
    else button.dataset.still = image.getAttribute("src");
    image.src = still ?? animation;
    button.textContent = still ? "Play" : "Stop";
  }
  function zoom(image) {
    if (!image) return;
    const picture = make("img", { src: image.currentSrc || image.src, alt: image.alt, onload: crisp });
    const close = make("button", { className: "button", type: "button" }, "Close");
    const dialog = openDialog("zoom", "Zoomed picture", make("div", {}, picture), close);
    close.onclick = () => dialog.close();
    let factor = 1;
    picture.onclick = ({ offsetX, offsetY }) => {
      picture.style.transformOrigin = `${(100 * offsetX) / picture.offsetWidth}% ${(100 * offsetY) / picture.offsetHeight}%`;
      factor = factor < 4 ? factor * 2 : 1;
      picture.style.transform = `scale(${factor})`;
      picture.style.cursor = factor < 4 ? "zoom-in" : "zoom-out";
    };
  }
  async function copy(text, what) {
    try { await navigator.clipboard.writeText(text); say(what + " copied."); } catch { prompt("Copy this:", text); }
  }

  // -- compare -----------------------------------------------------------------------------------

  const comparison = find("[data-compare]");

  async function startCompare() {
    const data = await site().catch(() => null);
    if (!data) return;
    const layers = new Map(data.models.flatMap((model) => model.layers.map((one) => [one.folder, { ...one, model: model.name }])));
    const form = find("form", comparison);
    fillChoices(form, data);
    const show = () => {
      const [left, right] = location.hash.startsWith("#layers=") ? location.hash.slice(8).split(",") : [];
      if (left && right) for (const [name, value] of [["left", left], ["right", right]]) form.elements[name].value = value;
      else showPinned(layers);
      showLayers(layers, left, right);
      for (const part of all(".pinned, .none-pinned", comparison)) part.hidden ||= Boolean(left && right);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      location.hash = `layers=${form.elements.left.value},${form.elements.right.value}`;
    });
    addEventListener("hashchange", show);
    show();
  }
  function fillChoices(form, data) {
    for (const select of all("select", form)) {
      for (const model of data.models) {
        const group = make("optgroup", { label: model.name });
        for (const one of model.layers) {
          for (const [name, slug] of one.recipes) group.append(make("option", { value: `${one.folder}/${slug}` }, `${one.name} · ${name}`));
        }
        select.append(group);
      }
    }
    const right = form.elements.right;
    right.selectedIndex = Math.min(1, right.options.length - 1);
  }
  /** An address taken apart, or null if the site has no such picture: addresses come from anywhere. */
  function parse(address, layers) {
    const parts = address.split("/");
    const slug = parts.pop();
    const last = parts.pop();
    const one = layers.get(parts.join("/"));
    const channel = last === "layer" ? last : Number(last);
    const there = channel === last || (one && inRanges(one.channels, channel));
    const name = (channel === last ? one?.wholes : one?.recipes)?.find(([, own]) => own === slug)?.[0];
    return name && there ? { one, channel, slug, name, address } : null;
  }
  function showPinned(layers) {
    const addresses = decodeURIComponent(location.hash.slice(1)).split(",").filter(Boolean);
    const found = addresses.map((address) => parse(address, layers)).filter(Boolean);
    const list = find(".pinned", comparison);
    list.replaceChildren(...found.map((item) => pinnedFigure(item, addresses)));
    list.hidden = false;
    find(".none-pinned", comparison).hidden = found.length > 0;
    find("[data-do=unpin]").hidden = !found.length;
    if (found.length) pins.save(found.map((item) => item.address));
  }
  function pinnedFigure({ one, channel, slug, name, address }, addresses) {
    const change = (next) => { pins.save(next); location.hash = next.join(",") || "none"; };
    const whole = channel === "layer";
    const recipes = whole ? one.wholes : one.recipes;
    const title = `${one.model}, ${one.name}${whole ? " as a whole" : `, channel ${channel}`}`;
    const choice = make("select", { ariaLabel: `Recipe of ${title}` },
      ...recipes.map(([label, own]) => make("option", { value: own, selected: own === slug }, label)));
    choice.onchange = () => change(addresses.map((other) => (other === address ? address.replace(/[^/]+$/, choice.value) : other)));
    const remove = make("button", { type: "button", className: "button", ariaLabel: "Unpin " + title }, "Unpin");
    remove.onclick = () => change(addresses.filter((other) => other !== address));
    const href = `${root}${one.folder}/${whole ? "index" : channel}.html#${slug}`;
    const note = (one.notes[channel] || {}).label;
    return make("li", {}, make("figure", {},
      make("a", { href }, picture(one, slug, channel, `${title}, recipe ${name}`)),
      make("figcaption", {}, make("b", {}, whole ? one.name : `${one.name} ${channel}`), make("span", {}, note || one.model)),
      make("div", {}, ...(recipes.length > 1 ? [choice] : []), remove)));
  }
  function picture(one, slug, channel, alt) {
    if (channel !== "layer" && inRanges(one.bare[slug], channel)) return make("span", { className: "crop none" }, "no picture");
    return make("img", { src: `${root}${one.folder}/${slug}/${channel}.webp`, alt, loading: "lazy", width: 240, height: 240, onload: crisp });
  }
  /** Two layers, or one by two recipes: the same channel numbers beside each other. */
  function showLayers(layers, left, right) {
    const list = find(".pairs", comparison);
    const sides = [left, right].map((address) => {
      const parts = (address || "").split("/");
      const slug = parts.pop();
      const one = layers.get(parts.join("/"));
      return { one: one?.recipes.some(([, own]) => own === slug) ? one : null, slug };
    });
    list.hidden = !sides.every((side) => side.one);
    if (list.hidden) { list.replaceChildren(); return; }
    const shared = [...new Set(sides.flatMap((side) => [...numbers(side.one.channels)]))].sort((a, b) => a - b);
    list.replaceChildren(...shared.map((channel) => make("li", {}, make("b", {}, String(channel)),
      ...sides.map((side) => (inRanges(side.one.channels, channel)
        ? make("a", { href: `${root}${side.one.folder}/${channel}.html#${side.slug}` },
          picture(side.one, side.slug, channel, `${side.one.model}, ${side.one.name}, channel ${channel}, recipe ${side.slug}`))
        : make("span", { className: "crop none" }, "–"))))));
  }

  // -- keys and buttons --------------------------------------------------------------------------

  const follow = (selector) => { const link = find(selector); if (link) location.href = link.href; return Boolean(link); };
  const currentPin = () => (document.activeElement?.closest("[data-grid] a") ? addressOf(document.activeElement)
    : find(".shot.current [data-pin]")?.dataset.pin);

  const ACTIONS = {
    search, help, theme: switchTheme, play,
    unpin() { pins.save([]); location.hash = "none"; },
    pin: (button) => pins.toggle(button.dataset.pin),
    zoom: () => zoom(find(".shot.current img.large")),
    link: () => copy(location.href, "Address"),
    text: (button) => copy(all("pre", button.closest("details")).map((text) => text.textContent).join("\n\n"), "Text"),
  };
  const SHORTCUTS = {
    "/": search, "?": help, t: switchTheme, z: ACTIONS.zoom,
    ArrowLeft: () => follow("a[rel=prev]"), ArrowRight: () => follow("a[rel=next]"),
    Home: () => follow("a[rel=first]"), End: () => follow("a[rel=last]"),
    g: () => follow("link[rel=up]"), c: () => follow("[data-pins]"),
    a: () => { const button = find(".shot.current [data-animation]"); if (button) play(button); return Boolean(button); },
    f: () => tools?.elements.filter.focus() ?? Boolean(tools),
    p: () => { const address = currentPin(); if (address) pins.toggle(address); return Boolean(address); },
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) ACTIONS[button.dataset.do](button);
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox], [type=radio], [type=range]), select, textarea, dialog");
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing) return;
    if (/^Arrow|^Home$|^End$/.test(event.key) && event.target.closest("input, .scroller")) return;
    const recipes = all(grid ? "[name=recipe]" : ".recipes a");
    if (/^[1-9]$/.test(event.key) && recipes[event.key - 1]) recipes[event.key - 1].click();
    else if (!SHORTCUTS[event.key] || SHORTCUTS[event.key]() === false) return;
    event.preventDefault();
  });
  addEventListener("beforeprint", () => { for (const details of all("details:not(.rest)")) details.open = true; });

  if (grid && tools) startGrid();
  if (shots.length) startShots();
  if (comparison) startCompare();
  pins.show();
})();
