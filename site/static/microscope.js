/* The one script: a page is complete without it; with it, it is quicker to use.
   A classic script, and data come as scripts too, so that all of it works from a folder on a disk. */
(() => {
  "use strict";

  const root = document.currentScript.dataset.root;
  /** Where pictures are, if they have an address of their own. */
  const hosted = document.currentScript.dataset.pictures || "";
  /** What stands before the name of a picture in the page's own folder. */
  const beside = (folder) => hosted && `${hosted}${folder}/`;
  const html = document.documentElement;
  /** What a page's own script (grid.js, map.js) adds: `parts` of the address, `showPins`, `pinned`, `filter`. */
  const extension = {};
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

  /** Text as searches compare it: without accents, capitals or forms of width. */
  function fold(text) {
    const plain = String(text).normalize("NFKD").toLowerCase().replace(/[\u0300-\u036f]/g, "");
    return plain.replace(/[øłđıß]/g, (letter) => ({ ø: "o", ł: "l", đ: "d", ı: "i", ß: "ss" })[letter]);
  }

  // A browser may forbid storage, or have no room: then a choice lasts as long as the page.
  const memory = new Map();
  const store = {
    get(name) {
      if (memory.has(name)) return memory.get(name);
      try { return localStorage.getItem("microscope-" + name) ?? ""; } catch { return ""; }
    },
    set(name, value) {
      memory.delete(name);
      try { localStorage.setItem("microscope-" + name, value); } catch { memory.set(name, value); }
    },
  };

  const status = document.body.appendChild(make("p", { className: "toast", role: "status" }));
  function say(text) {
    status.textContent = text;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { status.textContent = ""; }, 1500 + 50 * text.length);
  }

  /** What follows the # of the address, put there without a step in the browser's history. */
  function replaceHash(hash) {
    // Browsers refuse when it is done very often; the next time will do.
    try { history.replaceState(history.state, "", location.href.split("#")[0] + (hash && "#" + hash)); } catch { /* said above */ }
  }

  /** Whether a click means just that, and not a new tab or window. */
  const isPlain = (event) => !(event.ctrlKey || event.metaKey || event.shiftKey);

  // What search and compare know of the whole site; read when first needed.
  const MISSING = "This does not work here: the file data/search.js of this gallery is missing.";
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

  // -- a run that goes on while one reads ---------------------------------------------------------

  // Pages are written now and then while pictures are made; `data/run.js` says how far that is. It is asked for
  // again as long as a run is on, and when it has changed the page offers to show what is new.
  const BETWEEN = 15000, LONGEST = 3600000;
  let run; // undefined until it was asked for
  function askForRun() {
    const script = make("script", { src: `${root}data/run.js?${Date.now()}` });
    script.onload = () => {
      script.remove();
      const now = window.MICROSCOPE_RUN;
      if (run && now?.at !== run.at) { offerReload(); return; }
      run = now;
      // One that was ended by force is on for ever.
      if (!run || Date.now() - run.at > LONGEST) return;
      showQueue();
      setTimeout(askForRun, BETWEEN);
    };
    script.onerror = () => script.remove();
    document.head.append(script);
  }
  function offerReload() {
    const reload = make("button", { type: "button", className: "button", onclick: () => location.reload() }, "Show them");
    document.body.append(make("div", { className: "news", role: "status" }, "There are more pictures now. ", reload));
  }
  /** The place of a picture in the queue, counted from 1, or nothing. */
  function placeOf(folder, slug, channel) {
    const lot = run?.queue.find((one) => one[0] === folder && one[1] === slug && one[2] <= channel && channel <= one[3]);
    return lot && lot[4] + channel - lot[2];
  }
  function showQueue() {
    const here = decodeURI(new URL(location.href).pathname).split("/");
    for (const shot of all(".shot:has(.large.none)")) {
      const page = here.at(-1).replace(/\.html$/, "");
      const place = placeOf(here.slice(-4, -1).join("/"), shot.id, page === "index" || !page ? -1 : Number(page));
      const wait = place && run.left && ` It comes in about ${spoken((run.left * place) / run.due)}.`;
      if (place) find(".large.none p", shot).lastChild.replaceWith(`It is number ${place} of ${run.due} that are waiting.${wait || ""}`);
    }
    extension.showQueue?.(placeOf);
  }
  const spoken = (seconds) => (seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`);

  // -- light and dark ----------------------------------------------------------------------------

  function switchTheme() {
    const dark = getComputedStyle(html).colorScheme === "dark"
      || (getComputedStyle(html).colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    html.dataset.theme = dark ? "light" : "dark";
    store.set("theme", html.dataset.theme);
  }

  // -- pins: addresses such as models/vgg19/block4_conv2/17/channel ------------------------------

  const MOST = 48;
  const distinct = (list) => [...new Set(list)].slice(0, MOST);
  const pins = {
    // Galleries that share a host share its storage: each has pins of its own.
    name: "pins:" + new URL(root || "./", location.href).pathname,
    list: () => distinct(store.get(pins.name).split(",").filter(Boolean)),
    save(list) {
      store.set(pins.name, distinct(list).join(","));
      pins.show();
    },
    toggle(address) {
      const list = pins.list();
      const there = list.includes(address);
      if (!there && list.length >= MOST) { say(`Not pinned: there is room for ${MOST} pictures. Unpin one first.`); return; }
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
        link.ariaLabel = list.length ? `Compare, ${list.length} pinned` : null;
      }
      for (const button of all("[data-pin]")) button.setAttribute("aria-pressed", list.includes(button.dataset.pin));
      extension.showPins?.(list);
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
  const usesKeys = () => store.get("keys") !== "off";
  function showKeys() {
    html.classList.toggle("no-keys", !usesKeys());
    for (const button of all("[data-key]")) button.ariaKeyShortcuts = usesKeys() ? button.dataset.key : null;
  }
  function help() {
    const rows = KEYS.map(([key, what]) => make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, what)));
    const used = make("input", { type: "checkbox", checked: usesKeys() });
    used.onchange = () => { store.set("keys", used.checked ? "on" : "off"); showKeys(); };
    const close = make("button", { className: "button", type: "button", autofocus: true, onclick: () => dialog.close() }, "Close");
    const dialog = openDialog("help", "Keyboard shortcuts", make("h2", {}, "Keyboard"), make("dl", {}, ...rows),
      make("p", {}, make("label", {}, used, " Use these shortcuts. Switch them off if they get in the way, as they may of speech input.")), close);
  }

  // -- search ------------------------------------------------------------------------------------

  const inRanges = (ranges, number) => ranges.some(([first, last]) => first <= number && number <= last);
  const words = (...texts) => fold(texts.flat().filter(Boolean).join(" "));

  /** Everything that has a name, as {kind, title, where, href, text}; what it is (`layer`) is found too. */
  function* named(data) {
    for (const [tag, path, count] of data.families) {
      yield { kind: "family", title: tag, where: count === 1 ? "1 channel" : `${count} channels`, href: path, text: words("family", tag) };
    }
    for (const [name, model, path, caption] of data.photos) {
      yield { kind: "photo", title: name, where: model, href: path, text: words("photo", name, model, caption) };
    }
    for (const model of data.models) {
      yield { kind: "model", title: model.name, where: model.label || "", href: model.path, text: words("model", model.name, model.label, model.text, model.tags) };
      for (const layer of model.layers) {
        const href = layer.folder + "/index.html";
        const text = words("layer", model.name, layer.name, layer.label, layer.text, layer.tags);
        yield { kind: "layer", title: layer.name, where: model.name, href, text };
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
      href: `${layer.folder}/${channel}.html`, text: words("channel", model.name, layer.name, String(channel), text),
    };
  }
  /** Channels asked for by number: `17`, `channel 17`, `block5c 017`, `lite0/head/17`. */
  function* numbered(data, tokens) {
    for (const token of tokens.filter((one) => /^\d+$/.test(one))) {
      const number = Number(token);
      const others = tokens.filter((one) => one !== token);
      for (const model of data.models) {
        for (const layer of model.layers) {
          const text = words("channel", model.name, "layer", layer.name, layer.label);
          if (inRanges(layer.channels, number) && others.every((one) => text.includes(one))) {
            yield channelEntry(model, layer, number, (layer.notes[number] || {}).label || "", "");
          }
        }
      }
    }
  }
  function lookUp(data, entries, query) {
    const tokens = fold(query).split(/[\s/,#]+/).filter(Boolean);
    if (!tokens.length) return [];
    const found = new Map();
    const rank = (entry) => (fold(entry.title).startsWith(tokens[0]) ? 0 : 1);
    const fitting = entries.filter((entry) => tokens.every((token) => entry.text.includes(token)));
    fitting.sort((a, b) => rank(a) - rank(b));
    for (const entry of [...numbered(data, tokens), ...fitting]) if (!found.has(entry.href)) found.set(entry.href, entry);
    return [...found.values()].slice(0, 50);
  }

  const HINT = "A layer’s name, a channel’s number such as “17”, or both.";
  async function search() {
    const input = make("input", {
      type: "search", placeholder: "Layer, channel number, note, class …", ariaLabel: "Search", role: "combobox",
      autocomplete: "off", spellcheck: false, "aria-expanded": "false", "aria-controls": "found", "aria-autocomplete": "list",
    });
    const list = make("ul", { id: "found", role: "listbox", ariaLabel: "Results", hidden: true });
    const hint = make("p", { className: "hint", role: "status" }, HINT);
    const dialog = openDialog("palette", "Search", input, list, hint);
    let data;
    let entries;
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
      const found = lookUp(data, entries, input.value);
      list.replaceChildren(...found.map((entry, n) => make("li", { id: "found-" + n, role: "option", ariaSelected: "false", "data-href": root + entry.href },
        make("b", {}, entry.title), make("span", {}, entry.where), make("i", {}, entry.kind))));
      list.hidden = !found.length;
      hint.hidden = found.length > 0;
      hint.textContent = input.value.trim() ? "Nothing here has that name." : HINT;
      input.setAttribute("aria-expanded", found.length > 0);
      choose(0);
    };
    input.addEventListener("input", update);
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return; // Enter ends a word of Chinese, Japanese or Korean
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
      if (isPlain(event)) location.href = option.dataset.href;
      else open(option.dataset.href);
    });
    data = await site().catch(() => null);
    if (!data) { hint.textContent = MISSING; return; }
    entries = [...named(data)];
    update();
    if (hasty) find("[aria-selected=true]", list)?.click();
  }

  // -- a channel, or a layer as a whole ----------------------------------------------------------

  const shots = all(".shot");
  let current = shots[0];
  // A layer as a whole stands folded above its grid until one of its recipes is asked for.
  const folded = find(".whole.folded");
  const isOpen = () => !folded || folded.classList.contains("open");

  function startShots() {
    if (folded) find(".band").after(folded);
    for (const link of all(".recipes a")) {
      link.addEventListener("click", (event) => {
        if (!isPlain(event)) return;
        event.preventDefault();
        const asked = shots.find((shot) => "#" + shot.id === link.hash);
        openShot(asked, !folded || !isOpen() || asked !== current);
        writeAddress();
      });
    }
    for (const image of all("img.large")) image.addEventListener("click", () => zoom(image));
    readShot();
  }
  function readShot() {
    const { places } = readAddress();
    const asked = shots.find((shot) => places.includes(shot.id));
    openShot(asked || shots[0], Boolean(asked));
  }
  function openShot(shot, open) {
    folded?.classList.toggle("open", open);
    showShot(shot);
  }
  function showShot(shot) {
    current = shot;
    for (const button of all("[data-still]")) play(button);
    for (const other of shots) other.classList.toggle("current", other === shot);
    for (const link of all(".recipes a")) link.toggleAttribute("aria-current", isOpen() && link.hash === "#" + shot.id);
    for (const part of all("[data-of]")) part.classList.toggle("current", part.dataset.of === shot.id);
    // The recipe stays the same from channel to channel, and on the way up to their grid.
    for (const link of all("a[rel], .film a, :is(link, .crumbs a)[href^='index.html']")) link.href = link.getAttribute("href").split("#")[0] + (isUsual() ? "" : "#" + shot.id);
  }
  /** Whether the address need not name what is shown. */
  const isUsual = () => (folded ? !isOpen() : current === shots[0]);
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
    const enlarge = make("button", { type: "button", ariaLabel: "Enlarge", autofocus: true }, picture);
    const close = make("button", { className: "button", type: "button", onclick: () => dialog.close() }, "Close");
    const dialog = openDialog("zoom", "Zoomed picture", enlarge, close);
    let factor = 1;
    let [x, y] = [50, 50];
    const show = () => {
      picture.style.transformOrigin = `${x}% ${y}%`;
      picture.style.transform = `scale(${factor})`;
      enlarge.classList.toggle("widest", factor >= 4);
    };
    enlarge.onclick = ({ offsetX, offsetY, detail, target }) => {
      // A key has no place: it keeps the one there is.
      if (detail && target === picture) [x, y] = [(100 * offsetX) / picture.offsetWidth, (100 * offsetY) / picture.offsetHeight];
      factor = factor < 4 ? factor * 2 : 1;
      show();
    };
    enlarge.onkeydown = (event) => {
      const [right, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] || [];
      if (right === undefined) return;
      event.preventDefault();
      const moved = (place, way) => Math.max(0, Math.min(100, place + 15 * way));
      [x, y] = [moved(x, right), moved(y, down)];
      show();
    };
  }
  async function copy(text, what) {
    try { await navigator.clipboard.writeText(text); say(what + " copied."); } catch { prompt("Copy this:", text); }
  }

  // -- what the address says ---------------------------------------------------------------------

  /** The places that the address names, and its values by name; whatever it holds, nothing fails. */
  function readAddress() {
    const parts = new URLSearchParams(location.hash.slice(1));
    const value = (name) => parts.getAll(name).find(Boolean) || "";
    return { places: [...parts].filter(([, text]) => !text).map(([name]) => name), value };
  }
  function writeAddress() {
    const parts = [];
    if (shots.length && !isUsual()) parts.push(current.id);
    replaceHash([...parts, ...(extension.parts?.() || [])].join("&"));
  }
  addEventListener("hashchange", () => { if (shots.length) readShot(); });

  // -- compare -----------------------------------------------------------------------------------

  const comparison = find("[data-compare]");
  const byFolder = new Map();
  let selection;

  // It shows two layers, or a selection: one's own pins, or another that came with the address.
  async function startCompare() {
    const data = await site().catch(() => null);
    if (!data) { find(".remark", comparison).textContent = MISSING; return; }
    for (const model of data.models) for (const one of model.layers) byFolder.set(one.folder, { ...one, model: model.name });
    const form = find("form", comparison);
    fillChoices(form, data);
    const show = () => {
      const asked = decoded(location.hash.slice(1));
      const pair = asked.startsWith("layers=") ? asked.slice(7).split(",") : null;
      if (pair) showLayers(form, pair); else showSelection(asked);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      location.hash = `layers=${form.elements.left.value},${form.elements.right.value}`;
    });
    addEventListener("hashchange", show);
    show();
  }
  function decoded(text) {
    try { return decodeURIComponent(text); } catch { return text; }
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
  function parse(address) {
    const parts = address.split("/");
    const slug = parts.pop();
    const channel = parts.pop();
    const one = byFolder.get(parts.join("/"));
    if (!one) return null;
    const whole = channel === "layer";
    const there = whole || (/^(0|[1-9]\d*)$/.test(channel) && inRanges(one.channels, Number(channel)));
    const name = (whole ? one.wholes : one.recipes).find(([, own]) => own === slug)?.[0];
    return there && name ? { one, whole, channel, slug, name, address } : null;
  }
  function showSelection(asked) {
    const own = pins.list();
    const addresses = asked ? [...new Set(asked.split(",").filter(Boolean))] : own;
    const mine = addresses.join() === own.join();
    const known = addresses.map(parse).filter(Boolean);
    const found = known.slice(0, MOST);
    selection = { mine, addresses: found.map((item) => item.address) };
    if (mine) replaceHash(own.join(","));
    find(".selection", comparison).replaceChildren(...found.map(figureOf));
    find(".remark", comparison).textContent = remarks(mine, own, addresses, known).join(" ");
    showParts({ selection: found.length, none: !addresses.length, unpin: mine && own.length, adopt: !mine && found.length, own: !mine && own.length });
  }
  function remarks(mine, own, addresses, known) {
    if (!mine && !known.length) return ["This address names no picture of this gallery."];
    const lost = addresses.length - known.length;
    return [
      !mine && "This selection came with the address." + (own.length ? " Your own pins are as they were." : ""),
      known.length > MOST && `It names ${known.length} pictures; these are the first ${MOST}.`,
      lost && (lost === 1 ? "One picture is not in this gallery." : `${lost} pictures are not in this gallery.`),
    ].filter(Boolean);
  }
  function showParts(shown) {
    const parts = {
      selection: ".selection", none: ".none-selected", pairs: ".pairs", unpin: "[data-do=unpin]", adopt: "[data-do=adopt]", own: "[data-do=own]",
    };
    for (const [name, selector] of Object.entries(parts)) find(selector).hidden = !shown[name];
  }
  /** Change the selection, and one's pins if it is that; the keyboard stays at the figure of that place. */
  function change(next, place, control) {
    const list = next(selection.mine ? pins.list() : selection.addresses);
    if (selection.mine) pins.save(list);
    replaceHash(distinct(list).join(","));
    showSelection(distinct(list).join(","));
    const figure = all(".selection li", comparison).slice(0, place + 1).pop();
    ((figure && find(control, figure)) || find("main")).focus();
  }
  function figureOf({ one, whole, channel, slug, name, address }, place) {
    const recipes = whole ? one.wholes : one.recipes;
    const title = `${one.model}, ${one.name}${whole ? " as a whole" : `, channel ${channel}`}`;
    const choice = make("select", { ariaLabel: `Recipe of ${title}` },
      ...recipes.map(([label, own]) => make("option", { value: own, selected: own === slug }, label)));
    const other = () => address.replace(/[^/]+$/, choice.value);
    choice.onchange = () => change((list) => list.map((each) => (each === address ? other() : each)), place, "select");
    const word = selection.mine ? "Unpin" : "Remove";
    const remove = make("button", { type: "button", className: "button", ariaLabel: `${word} ${title}` }, word);
    remove.onclick = () => change((list) => list.filter((each) => each !== address), place, "button");
    const href = `${root}${one.folder}/${whole ? "index" : channel}.html#${slug}`;
    const note = (one.notes[channel] || {}).label;
    return make("li", {}, make("figure", {},
      make("a", { href }, picture(one, slug, channel, `${title}, recipe ${name}`)),
      make("figcaption", {}, make("b", {}, whole ? one.name : `${one.name} ${channel}`), make("span", {}, note || one.model)),
      make("div", {}, ...(recipes.length > 1 ? [choice] : []), remove)));
  }
  function picture(one, slug, channel, alt) {
    if (channel !== "layer" && inRanges(one.without[slug], Number(channel))) return make("span", { className: "crop none" }, "no picture");
    return make("img", { src: `${hosted || root}${one.folder}/${slug}/${channel}.webp`, alt, loading: "lazy", width: 240, height: 240, onload: crisp });
  }
  /** Two layers, or one by two recipes: the same channel numbers beside each other. */
  function showLayers(form, pair) {
    const sides = pair.map((address) => {
      const parts = address.split("/");
      const slug = parts.pop();
      const one = byFolder.get(parts.join("/"));
      return { one, slug, name: one?.recipes.find(([, own]) => own === slug)?.[0] };
    });
    const known = sides.length === 2 && sides.every((side) => side.name);
    find(".remark", comparison).textContent = known ? "" : "This address names a layer or a recipe that this gallery does not have.";
    showParts({ pairs: known, own: pins.list().length });
    if (!known) return;
    [form.elements.left.value, form.elements.right.value] = pair;
    const channels = [...new Set(sides.flatMap((side) => [...numbers(side.one.channels)]))].sort((a, b) => a - b);
    find(".pairs", comparison).replaceChildren(...channels.map((channel) => make("li", {}, make("b", {}, String(channel)),
      ...sides.map((side) => pairPicture(side, channel)))));
  }
  function pairPicture({ one, slug, name }, channel) {
    if (!inRanges(one.channels, channel)) return make("span", { className: "crop none" }, "–");
    const alt = `${one.model}, ${one.name}, channel ${channel}, recipe ${name}`;
    return make("a", { href: `${root}${one.folder}/${channel}.html#${slug}` }, picture(one, slug, channel, alt));
  }

  // -- keys and buttons --------------------------------------------------------------------------

  const follow = (selector) => { const link = find(selector); if (link) location.href = link.href; return Boolean(link); };
  const currentPin = () => extension.pinned?.() || find(".shot.current [data-pin]")?.dataset.pin;
  const showOwn = () => { showSelection(""); find("main").focus(); };

  const ACTIONS = {
    fold() { openShot(current, false); writeAddress(); find(".band a").focus(); },
    search, help, theme: switchTheme, play,
    unpin() { pins.save([]); showOwn(); },
    adopt() {
      const both = [...pins.list(), ...selection.addresses];
      pins.save(both);
      showOwn();
      if (new Set(both).size > MOST) say(`Pinned as many as there is room for, which is ${MOST}.`);
    },
    own: showOwn,
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
    f: () => { extension.filter?.focus(); return Boolean(extension.filter); },
    p: () => { const address = currentPin(); if (address) pins.toggle(address); return Boolean(address); },
  };
  /** Whether arrow keys have something to move here: a control, or a part of the page that scrolls by itself. */
  function usesArrows(element) {
    if (element.closest("input")) return true;
    for (let box = element; box && box !== document.body; box = box.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(box);
      if (/auto|scroll/.test(overflowX + overflowY)) return true;
    }
    return false;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) ACTIONS[button.dataset.do](button);
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox], [type=radio], [type=range]), select, textarea, dialog, [contenteditable]");
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing || !usesKeys()) return;
    // With Shift they select text.
    if (/^Arrow|^Home$|^End$/.test(event.key) && (event.shiftKey || usesArrows(event.target))) return;
    const recipes = all(find("[name=recipe]") ? "[name=recipe]" : ".recipes a");
    if (/^[1-9]$/.test(event.key) && recipes[event.key - 1]) recipes[event.key - 1].click();
    else if (!SHORTCUTS[event.key] || SHORTCUTS[event.key]() === false) return;
    event.preventDefault();
  });
  // Its address names a place, which would be taken for a recipe of that name.
  find(".skip")?.addEventListener("click", (event) => { event.preventDefault(); find("main").focus(); });

  const unfolded = new Set();
  addEventListener("beforeprint", () => {
    for (const details of all("details:not(.rest, [open])")) { details.open = true; unfolded.add(details); }
  });
  addEventListener("afterprint", () => {
    for (const details of unfolded) details.open = false;
    unfolded.clear();
  });
  // From a disk, browsers open what they are asked to save, and would leave the page.
  if (location.protocol === "file:") for (const link of all("a[download]")) Object.assign(link, { target: "_blank", textContent: "Open picture" });
  // Another page may have changed them: in a window beside this one, or before the way back here.
  function recall() {
    html.dataset.theme = store.get("theme");
    showKeys();
    pins.show();
  }
  addEventListener("storage", recall);
  addEventListener("pageshow", (event) => { if (event.persisted) recall(); });

  showKeys();
  if (shots.length) startShots();
  if (comparison) startCompare();
  pins.show();
  setTimeout(askForRun, 500);

  // For the scripts of single kinds of pages, which come after this one.
  window.microscope = { root, beside, find, all, make, fold, crisp, store, isPlain, pins, readAddress, writeAddress, extension };
})();
