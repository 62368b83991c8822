/* The atlas of a layer: its levels in a window that is moved and zoomed by wheel, touch, buttons and keys, what
   is known of the cell under the pointer, and another atlas or another label beside it. Comes after
   microscope.js and the atlas's own data, which is a script too, so that all of it works from a disk. */
(() => {
  "use strict";

  const { root, find, all, make, crisp, extension, readAddress, writeAddress } = window.microscope;
  const atlases = (window.MICROSCOPE_ATLASES ||= {});
  const panes = find(".panes");
  const own = panes.dataset.folder;
  const hosted = find("script[data-root]").dataset.pictures || root;
  const STEP = 1.5;
  const SMALLEST = 40; // pixels of a cell from which on a level is shown
  const LARGEST = 168; // … and how large the finest one's cells may become
  const WHOLE = { x: 0.5, y: 0.5, zoom: 1 };
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
  const number = (value) => String(Number(value.toPrecision(3))).replace("-", "−");
  const count = (value, word) => `${value.toLocaleString("en")} ${word}${value === 1 ? "" : "s"}`;

  /** One window onto an atlas, made of the elements of a `.pane`. */
  function open(pane, folder, { onMove, onChange }) {
    const data = atlases[folder];
    const map = find(".atlas", pane);
    const told = find(".told", pane);
    const canvas = map.appendChild(make("canvas", { ariaHidden: "true" }));
    const context = canvas.getContext("2d");
    const levels = data.levels.map(({ side, cells }, level) => {
      const list = cells.map(([row, column, vectors, examples, channels, classes, labels]) =>
        ({ level, row, column, vectors, examples, channels, classes, labels: new Map(labels) }));
      return { side, cells: list, at: new Map(list.map((cell) => [cell.row * side + cell.column, cell])), tile: level ? data.tile : side };
    });
    const finest = levels.at(-1);

    // -- where it stands: a place of the plane, from 0 to 1, is in the middle, so many times enlarged ----------

    let view = { ...WHOLE };
    let goal = view;
    let [width, height, size, most, ratio] = [1, 1, 1, 1, 1];
    let label = "";
    let wanted = null; // numbers of the labels that it stands for
    let chosen = null;
    let shown = null; // the level that is drawn, and since when
    let since = 0;

    function measure() {
      [width, height] = [map.clientWidth || 1, map.clientHeight || 1];
      ratio = Math.min(devicePixelRatio || 1, 2);
      size = Math.min(width, height);
      most = Math.max(2, (LARGEST * finest.side) / size);
      [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    }
    function held({ x, y, zoom }) {
      zoom = clamp(zoom, 1, most);
      // At its smallest it is in the middle; the larger it is, the nearer to its edges one may go.
      const edge = 0.5 / zoom ** 2;
      return { x: clamp(x, edge, 1 - edge), y: clamp(y, edge, 1 - edge), zoom };
    }
    /** Go there, at once or gently. */
    function look(to, gently = false, told = true) {
      goal = held({ ...goal, ...to });
      if (!gently || still.matches) view = goal;
      schedule();
      if (told) { onMove(goal, gently); settle(); }
    }
    let waiting = 0;
    const schedule = () => { waiting ||= requestAnimationFrame(step); };
    function step(now) {
      waiting = 0;
      const near = (axis) => Math.abs(goal[axis] - view[axis]) * (axis === "zoom" ? 100 / goal.zoom : size * view.zoom) < 0.3;
      if (["x", "y", "zoom"].every(near)) view = goal;
      else {
        const share = 0.28;
        const zoom = view.zoom * (goal.zoom / view.zoom) ** share;
        // What stays in its place while it is zoomed stays there on the way too.
        const part = goal.zoom === view.zoom ? share : (1 / view.zoom - 1 / zoom) / (1 / view.zoom - 1 / goal.zoom);
        view = { x: view.x + (goal.x - view.x) * part, y: view.y + (goal.y - view.y) * part, zoom };
        schedule();
      }
      draw(now);
    }

    // -- drawing: the level whose cells are large enough, and while its tiles come, the one before it ---------

    const tiles = new Map();
    function tile(level, column, row) {
      const name = `level-${level}-${column}-${row}`;
      if (!tiles.has(name)) {
        const image = new Image();
        tiles.set(name, image);
        image.src = `${hosted}${folder}/atlas/${name}.webp`;
        image.decode().then(() => { image.ready = true; schedule(); }, () => { image.failed = true; });
      }
      return tiles.get(name);
    }
    const stage = () => ({ span: size * view.zoom, left: width / 2 - view.x * size * view.zoom, top: height / 2 - view.y * size * view.zoom });
    const levelNow = () => Math.max(0, levels.findLastIndex(({ side }) => (size * view.zoom) / side >= SMALLEST));
    function draw(now) {
      const level = levelNow();
      if (level !== shown?.level) {
        shown = { level, before: shown?.level ?? level };
        since = now;
      }
      const fade = still.matches ? 1 : clamp((now - since) / 180, 0, 1);
      context.clearRect(0, 0, canvas.width, canvas.height);
      const whole = ready(level);
      if (fade < 1 || !whole) for (let one = whole ? shown.before : 0; one !== level; one = whole ? level : one + 1) paint(one, 1);
      if (fade < 1) schedule();
      paint(level, shown.before === level ? 1 : fade);
      // The plain picture stays until there is something to see.
      if (levels[0].cells.length === 0 || tiles.get("level-0-0-0")?.ready || whole) map.classList.add("drawn");
      place();
    }
    function inside(level) {
      const { side } = levels[level];
      const { span, left, top } = stage();
      const first = (start) => clamp(Math.floor((-start / span) * side), 0, side - 1);
      const last = (start, length) => clamp(Math.floor(((length - start) / span) * side), 0, side - 1);
      return [first(left), last(left, width), first(top), last(top, height)];
    }
    function visible(level, each) {
      const { side, at } = levels[level];
      const [left, right, top, bottom] = inside(level);
      for (let row = top; row <= bottom; row += 1) {
        for (let column = left; column <= right; column += 1) {
          const cell = at.get(row * side + column);
          if (cell) each(cell);
        }
      }
    }
    const tileOf = ({ level, row, column }) => tile(level, Math.floor(column / levels[level].tile), Math.floor(row / levels[level].tile));
    function ready(level) {
      let all = true;
      visible(level, (cell) => { const image = tileOf(cell); if (!image.ready && !image.failed) all = false; });
      return all;
    }
    function paint(level, alpha) {
      const { side, tile: across } = levels[level];
      const { span, left, top } = stage();
      const pixel = (start, place) => Math.round((start + (place * span) / side) * ratio);
      const gap = span / side > 30 ? 1 : 0;
      visible(level, (cell) => {
        const image = tileOf(cell);
        if (!image.ready) return;
        const [x, y] = [pixel(left, cell.column), pixel(top, cell.row)];
        const wide = pixel(left, cell.column + 1) - x - gap;
        const high = pixel(top, cell.row + 1) - y - gap;
        context.globalAlpha = alpha * (!wanted || [...cell.labels.keys()].some((one) => wanted.has(one)) ? 1 : 0.13);
        context.drawImage(image, (cell.column % across) * data.pixels, (cell.row % across) * data.pixels, data.pixels, data.pixels, x, y, wide, high);
      });
      context.globalAlpha = 1;
    }

    // -- moving and zooming ------------------------------------------------------------------------

    /** Zoom so that what is at a point of the window stays there. */
    function zoomAt(factor, clientX, clientY, gently) {
      const box = map.getBoundingClientRect();
      const zoom = clamp(goal.zoom * factor, 1, most);
      const shift = (1 / goal.zoom - 1 / zoom) / size;
      look({
        x: goal.x + (clientX - box.left - box.width / 2) * shift,
        y: goal.y + (clientY - box.top - box.height / 2) * shift,
        zoom,
      }, gently);
    }
    const pan = (across, down, gently) => look({ x: goal.x - across / size / goal.zoom, y: goal.y - down / size / goal.zoom }, gently);
    const zoomBy = (factor) => look({ zoom: goal.zoom * factor }, true);
    let rest;
    function settle() {
      clearTimeout(rest);
      rest = setTimeout(() => { if (pointers.size === 0) map.classList.remove("moving"); onChange(); }, 220);
    }

    map.addEventListener("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
      zoomAt(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX, event.clientY, true);
    }, { passive: false });

    const pointers = new Map();
    let dragged = false;
    const middle = () => {
      const at = [...pointers.values()];
      const mean = (axis) => at.reduce((sum, one) => sum + one[axis], 0) / at.length;
      return { x: mean("x"), y: mean("y"), spread: at.length > 1 ? Math.hypot(at[0].x - at[1].x, at[0].y - at[1].y) : 0 };
    };
    map.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && event.button !== 0) return;
      if (pointers.size === 0) dragged = false;
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, from: [event.clientX, event.clientY] });
    });
    map.addEventListener("pointermove", (event) => {
      const pointer = pointers.get(event.pointerId);
      if (!pointer) { if (event.pointerType === "mouse") hover(event); return; }
      if (!dragged && pointers.size === 1 && Math.hypot(event.clientX - pointer.from[0], event.clientY - pointer.from[1]) < 5) return;
      dragged = true;
      map.setPointerCapture(event.pointerId);
      map.classList.add("moving");
      const before = middle();
      [pointer.x, pointer.y] = [event.clientX, event.clientY];
      const after = middle();
      pan(after.x - before.x, after.y - before.y);
      if (before.spread && after.spread) zoomAt(after.spread / before.spread, after.x, after.y);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      map.addEventListener(name, (event) => { if (pointers.delete(event.pointerId)) settle(); });
    }
    map.addEventListener("dragstart", (event) => event.preventDefault());
    map.addEventListener("click", (event) => {
      if (!dragged && event.target !== cursor) choose(cellAt(event.clientX, event.clientY));
      dragged = false;
    });
    map.addEventListener("dblclick", (event) => zoomAt(STEP * STEP, event.clientX, event.clientY, true));

    // -- keys: the window moves, or from a cell the next one is gone to ------------------------------

    const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const ZOOMS = { "+": STEP, "=": STEP, "-": 1 / STEP, "−": 1 / STEP };
    map.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const way = WAYS[event.key];
      if (way && document.activeElement === cursor) go(way);
      else if (way) pan(-way[0] * width * 0.2, -way[1] * height * 0.2, true);
      else if (ZOOMS[event.key]) zoomBy(ZOOMS[event.key]);
      else if (event.key === "0" || event.key === "Home") look(WHOLE, true);
      else if (event.key === "Escape" && chosen) { choose(null); map.focus(); }
      else return;
      event.preventDefault();
      event.stopPropagation();
    });

    // -- the cell that is told of --------------------------------------------------------------------

    const cursor = map.appendChild(make("button", { type: "button", className: "cursor" }));
    cursor.addEventListener("focus", () => { if (!chosen) choose(central()); });
    const centre = ({ level, row, column }) => ({ x: (column + 0.5) / levels[level].side, y: (row + 0.5) / levels[level].side });
    function cellAt(clientX, clientY) {
      const box = map.getBoundingClientRect();
      const { span, left, top } = stage();
      const { side, at } = levels[shown?.level ?? 0];
      const [column, row] = [clientX - box.left - left, clientY - box.top - top].map((from) => Math.floor((from / span) * side));
      return column >= 0 && row >= 0 && column < side && row < side ? at.get(row * side + column) || null : null;
    }
    /** Of the level that is shown, the cell nearest to a place. */
    function nearest({ x, y }, among = levels[levelNow()].cells) {
      const far = (cell) => { const at = centre(cell); return (at.x - x) ** 2 + (at.y - y) ** 2; };
      return among.reduce((best, cell) => (!best || far(cell) < far(best) ? cell : best), null);
    }
    const central = () => nearest(goal);
    function go([right, down]) {
      const from = chosen?.level === levelNow() ? chosen : nearest(chosen ? centre(chosen) : goal);
      let [best, least] = [null, Infinity];
      for (const one of levels[levelNow()].cells) {
        const [x, y] = [one.column - from.column, one.row - from.row];
        const along = x * right + y * down;
        const distance = along + 2 * Math.abs(x * down + y * right);
        if (along > 0 && distance < least) [best, least] = [one, distance];
      }
      if (best) { choose(best); bring(best); }
    }
    /** Move it so far that a cell is well inside. */
    function bring(cell) {
      const { x, y } = centre(cell);
      const reach = (pixels) => Math.max(0, (pixels / 2 - 60) / size / goal.zoom);
      const near = (at, from, room) => clamp(from, at - room, at + room);
      look({ x: near(x, goal.x, reach(width)), y: near(y, goal.y, reach(height)) }, true);
    }
    function choose(cell) {
      chosen = cell;
      tell(cell);
      cursor.setAttribute("aria-label", cell ? words(cell) : "A cell of the atlas");
      place();
      onChange();
    }
    function place() {
      if (!chosen) { cursor.style.opacity = "0"; return; }
      const { span, left, top } = stage();
      const side = span / levels[chosen.level].side;
      Object.assign(cursor.style, { opacity: "1", width: `${side}px`, height: `${side}px`, transform: `translate(${left + chosen.column * side}px, ${top + chosen.row * side}px)` });
    }
    let pausing;
    let over = null;
    function hover({ clientX, clientY }) {
      const cell = cellAt(clientX, clientY);
      if (cell === over) return;
      over = cell;
      clearTimeout(pausing);
      pausing = setTimeout(() => tell(over || chosen), 60);
    }
    map.addEventListener("pointerleave", () => { over = null; clearTimeout(pausing); tell(chosen); });

    const named = ({ labels }) => [...labels].slice(0, 4);
    function words(cell) {
      const parts = [count(cell.vectors, "vector"), ...named(cell).slice(0, 2).map(([one]) => data.labels[one]), ...cell.classes.slice(0, 2).map(([one]) => data.classes[one])];
      return `Cell: ${parts.join(", ")}`;
    }
    function tell(cell) {
      if (told.cell === (cell || null) && told.childElementCount) return;
      told.cell = cell || null;
      if (!cell) {
        told.replaceChildren(make("p", { textContent: "Point at a cell, or choose one, to see what it is of." }));
        return;
      }
      told.replaceChildren(...[portrait(cell), make("h2", { textContent: count(cell.vectors, "vector") + ofLabel(cell) }), ...near(cell), ...raised(cell), ...labelled(cell), ...stronger(cell)].filter(Boolean));
    }
    function ofLabel({ labels }) {
      if (!wanted) return "";
      const own = [...labels].reduce((sum, [one, vectors]) => sum + (wanted.has(one) ? vectors : 0), 0);
      return `, ${own.toLocaleString("en")} of ${label}`;
    }
    const titled = (text, element) => [make("h3", { textContent: text }), element];
    function portrait(cell) {
      const image = tileOf(cell);
      const { tile: across } = levels[cell.level];
      const picture = make("canvas", { width: data.pixels, height: data.pixels, ariaHidden: "true" });
      const drawn = () => picture.getContext("2d").drawImage(image, -(cell.column % across) * data.pixels, -(cell.row % across) * data.pixels);
      if (image.ready) drawn(); else image.decode().then(drawn, () => {});
      return picture;
    }
    function near({ examples }) {
      if (!examples.length) return [];
      return titled("Nearest in the data set", make("ul", { className: "near" }, ...examples.map(([photo, x, y, w, h]) => {
        const [path, name] = data.photos[photo];
        const image = make("img", { src: hosted + path, alt: "", title: name });
        for (const [property, value] of Object.entries({ x, y, w, h, ratio: data.ratio })) image.style.setProperty(`--${property}`, value);
        return make("li", {}, make("span", { className: "see" }, image), make("small", { textContent: name, dir: "auto" }));
      })));
    }
    function rows(pairs) {
      return make("ul", { className: "rows" }, ...pairs.map(([name, value]) => make("li", {}, make("span", { textContent: name, dir: "auto" }), make("b", { textContent: value }))));
    }
    function raised({ classes }) {
      return classes.length ? titled("Classes it raises", rows(classes.map(([one, effect]) => [data.classes[one], `+${number(effect)}`]))) : [];
    }
    function labelled(cell) {
      return cell.labels.size ? titled("Labels of its vectors", rows(named(cell).map(([one, vectors]) => [data.labels[one], vectors.toLocaleString("en")]))) : [];
    }
    function stronger({ channels }) {
      if (!channels.length) return [];
      const up = folder === own ? "" : `${root}${folder}/`;
      return titled("Channels stronger than elsewhere", make("div", { className: "thumbs" }, ...channels.map(([channel, value, above]) => {
        const title = `Channel ${channel}: ${number(value)} on average, ${number(above)} times its spread above its mean`;
        const image = data.channels.includes(channel) ? [make("img", { src: `${hosted}${folder}/${data.recipe}/${channel}.webp`, alt: "", loading: "lazy", width: 48, height: 48, onload: crisp })] : [];
        const inner = [...image, make("span", { textContent: channel })];
        return data.pages.includes(channel) ? make("a", { href: `${up}${channel}.html`, title }, ...inner) : make("span", { title }, ...inner);
      })));
    }

    // -- what the address says, and what others may ask for ------------------------------------------

    const choice = find("select[name=label]", pane);
    // Of `animals/birds` and `animals/fish`, `animals` is a label too.
    const names = [...new Set(data.labels.flatMap((name) => name.split("/").map((part, end, parts) => parts.slice(0, end + 1).join("/"))))].sort();
    choice.replaceChildren(choice.options[0], ...names.map((name) => make("option", { value: name, textContent: name })));
    choice.addEventListener("change", () => { setLabel(choice.value); onChange(); });
    find(".by-label", pane).hidden = data.labels.length < 2;
    function setLabel(name) {
      label = names.includes(name) ? name : "";
      wanted = label ? new Set(data.labels.flatMap((one, place) => (`${one}/`.startsWith(`${label}/`) ? [place] : []))) : null;
      choice.value = label;
      told.cell = undefined;
      tell(chosen);
      schedule();
    }
    function setCell(text) {
      const [level, row, column] = text.split(".").map(Number);
      const cell = levels[level]?.at.get(row * levels[level].side + column);
      if (cell) choose(cell);
    }
    measure();
    new ResizeObserver(() => { measure(); goal = view = held(goal); schedule(); }).observe(map);
    tile(0, 0, 0);
    choose(null);
    schedule();
    return {
      folder,
      look,
      zoomBy,
      setLabel,
      setCell,
      showAll: () => look(WHOLE, true),
      state: () => ({ ...goal, label, cell: chosen ? `${chosen.level}.${chosen.row}.${chosen.column}` : "" }),
    };
  }

  // -- one window, or two --------------------------------------------------------------------------

  const first = find(".pane", panes);
  const blank = first.cloneNode(true);
  const windows = [];
  let begun = false;
  function start(pane, folder) {
    const one = open(pane, folder, {
      // Two labels of one atlas are looked at in the same place.
      onMove(goal, gently) { for (const other of windows) if (other !== one && other.folder === folder) other.look(goal, gently, false); },
      onChange() { if (begun) writeAddress(); },
    });
    windows.push(one);
    return one;
  }
  function loaded(folder) {
    if (atlases[folder]) return Promise.resolve();
    return new Promise((done, failed) => {
      document.head.append(make("script", { src: `${root}${folder}/atlas.js`, onload: done, onerror: failed }));
    });
  }
  const form = find("form", first);
  const beside = find("select[name=beside]", first);
  async function showBeside(folder, label = "", cell = "") {
    windows.splice(1);
    all(".pane", panes).slice(1).forEach((pane) => pane.remove());
    all("h2", form).forEach((title) => title.remove());
    panes.classList.toggle("two", Boolean(folder));
    beside.value = folder;
    if (!folder) return;
    try { await loaded(folder); } catch { beside.value = ""; panes.classList.remove("two"); return; }
    const pane = blank.cloneNode(true);
    const { model, layer } = atlases[folder];
    pane.setAttribute("aria-label", `${model}, ${layer}, beside it`);
    find(".with", pane).remove();
    find(".base", pane).remove();
    const titles = [make("h2", { textContent: first.getAttribute("aria-label") }), make("h2", {}, make("a", { href: `${root}${folder}/atlas.html`, textContent: `${model}, ${layer}` }))];
    if (folder !== own) [form, find("form", pane)].forEach((one, place) => one.prepend(titles[place]));
    find("form", pane).hidden = false;
    panes.append(pane);
    const second = start(pane, folder);
    second.setLabel(label);
    if (cell) second.setCell(cell);
    if (folder === own) second.look(windows[0].state(), false, false);
  }

  const main = start(first, own);
  form.hidden = false;
  all("form", panes).forEach((one) => one.addEventListener("submit", (event) => event.preventDefault()));
  beside.addEventListener("change", async () => { await showBeside(beside.value); writeAddress(); });
  extension.parts = () => {
    const { x, y, zoom, label, cell } = main.state();
    const other = windows[1]?.state();
    const parts = zoom === 1 ? [] : [`at=${x.toFixed(4)},${y.toFixed(4)},${zoom.toFixed(2)}`];
    const add = (name, value) => { if (value) parts.push(`${name}=${encodeURIComponent(value)}`); };
    add("label", label);
    add("cell", cell);
    if (other) {
      add("beside", windows[1].folder);
      add("beside-label", other.label);
      add("beside-cell", other.cell);
    }
    return parts;
  };
  async function readPlace() {
    const { value } = readAddress();
    const [x, y, zoom] = value("at").split(",").map(Number);
    main.look(value("at") && [x, y, zoom].every(Number.isFinite) ? { x, y, zoom } : WHOLE, false, false);
    main.setLabel(value("label"));
    if (value("cell")) main.setCell(value("cell"));
    const other = value("beside");
    await showBeside([...beside.options].some((one) => one.value === other) ? other : "", value("beside-label"), value("beside-cell"));
    begun = true;
  }
  for (const button of all("[data-atlas-do]")) {
    const does = { in: (one) => one.zoomBy(STEP), out: (one) => one.zoomBy(1 / STEP), all: (one) => one.showAll() }[button.dataset.atlasDo];
    button.addEventListener("click", () => windows.filter((one, place) => place === 0 || one.folder !== own).forEach(does));
  }
  readPlace();
  addEventListener("hashchange", readPlace);
})();
