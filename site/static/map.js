/* The map of a layer: moved and zoomed by wheel, touch, buttons and keys. Its thumbnails are links as they are.
   Comes after microscope.js, on maps only. */
(() => {
  "use strict";

  const { beside, find, all, make, crisp, extension, readAddress, writeAddress } = window.microscope;
  const map = find("[data-map]");
  const stage = find(".places", map);
  const LARGEST = 176; // pixels of a thumbnail: it has no more than 128
  const STEP = 1.5;

  const side = Number(stage.style.getPropertyValue("--side"));
  const links = all("a", stage).map((link) => {
    const { style, id } = link.parentElement;
    return { link, channel: id, column: Number(style.getPropertyValue("--x")), row: Number(style.getPropertyValue("--y")) };
  });
  const byLink = new Map(links.map((one) => [one.link, one]));

  // -- where it stands: a place of the stage, from 0 to 1, is in the middle, so many times enlarged ------------

  const WHOLE = { x: 0.5, y: 0.5, zoom: 1 };
  let view = { ...WHOLE };
  let natural = 1; // width of the stage in pixels, as it is laid out …
  let size = 1; // … and when all of it is seen
  let most = 1;

  function measure() {
    natural = stage.offsetWidth || 1;
    size = Math.min(map.clientWidth, map.clientHeight) || 1;
    most = Math.max(2, (LARGEST * side) / size);
  }
  const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
  function look({ x = view.x, y = view.y, zoom = view.zoom }) {
    zoom = clamp(zoom, 1, most);
    // At its smallest it is in the middle; the larger it is, the nearer to its edges one may go.
    const edge = 0.5 / zoom ** 2;
    view = { x: clamp(x, edge, 1 - edge), y: clamp(y, edge, 1 - edge), zoom };
    schedule();
  }
  let waiting = false;
  function schedule() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }
  function draw() {
    const width = size * view.zoom;
    const left = map.clientWidth / 2 - view.x * width;
    const top = map.clientHeight / 2 - view.y * width;
    stage.style.transform = `translate(${left}px, ${top}px) scale(${width / natural})`;
  }
  /** Zoom so that what is at a point of the window stays there. */
  function zoomAt(factor, clientX, clientY) {
    const box = map.getBoundingClientRect();
    const zoom = clamp(view.zoom * factor, 1, most);
    const shift = (1 / view.zoom - 1 / zoom) / size;
    const from = (start, length, at) => at - start - length / 2;
    look({
      x: view.x + from(box.left, box.width, clientX) * shift,
      y: view.y + from(box.top, box.height, clientY) * shift,
      zoom,
    });
    settle();
  }
  const pan = (across, down) => { look({ x: view.x - across / size / view.zoom, y: view.y - down / size / view.zoom }); settle(); };
  const zoomBy = (factor) => { look({ zoom: view.zoom * factor }); settle(); };
  const showAll = () => { look(WHOLE); settle(); };

  // While it moves, the browser moves what is painted; when it rests, it is painted anew and the address says where.
  let rest;
  function settle() {
    map.classList.add("moving");
    clearTimeout(rest);
    rest = setTimeout(() => { if (pointers.size === 0) stop(); }, 180);
  }
  function stop() {
    map.classList.remove("moving");
    scaleOutlines();
    for (const one of all(".here", stage)) one.classList.remove("here");
    moved = true;
    writeAddress();
  }
  // Whatever depends on it is styled anew, 1,280 links too: not at every step.
  const scaleOutlines = () => stage.style.setProperty("--scale", ((size * view.zoom) / natural).toFixed(3));
  let moved = false;
  extension.parts = () => {
    if (!moved) return [];
    const { x, y, zoom } = view;
    return zoom === 1 ? [] : [`at=${x.toFixed(4)},${y.toFixed(4)},${zoom.toFixed(2)}`];
  };
  /** Stand as the address says: at a place, or at a channel. */
  function readPlace() {
    const { places, value } = readAddress();
    const [x, y, zoom] = value("at").split(",").map(Number);
    const asked = links.find(({ channel }) => places.includes(channel));
    if ([x, y, zoom].every(Number.isFinite) && value("at")) look({ x, y, zoom });
    else if (asked) {
      look({ ...centre(asked), zoom: (72 * side) / size });
      asked.link.parentElement.classList.add("here");
      select(asked);
    } else look(WHOLE);
  }
  const centre = ({ column, row }) => ({ x: (column + 0.5) / side, y: (row + 0.5) / side });

  // -- wheel, mouse and touch --------------------------------------------------------------------

  map.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    zoomAt(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX, event.clientY);
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
    if (!pointer) return;
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
  // What ends a drag is no click; and a finger is larger than a small thumbnail: that is shown first.
  map.addEventListener("click", (event) => {
    const one = byLink.get(event.target.closest("a"));
    const small = event.pointerType === "touch" && (size * view.zoom) / side < 40;
    if (!dragged && map.classList.contains("moving")) stop(); // whoever leaves at once comes back to where it was
    if (!dragged && !(one && small)) return;
    event.preventDefault();
    if (!dragged && one) {
      select(one);
      zoomAt(STEP * STEP, event.clientX, event.clientY);
    }
    dragged = false;
  }, true);
  map.addEventListener("dblclick", (event) => { if (!event.target.closest("a")) zoomAt(STEP * STEP, event.clientX, event.clientY); });

  // -- keys --------------------------------------------------------------------------------------

  const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const ZOOMS = { "+": STEP, "=": STEP, "-": 1 / STEP, "−": 1 / STEP };
  map.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = WAYS[event.key];
    const here = byLink.get(document.activeElement);
    if (way && here) next(here, way)?.link.focus();
    else if (way) pan(-way[0] * map.clientWidth * 0.2, -way[1] * map.clientHeight * 0.2);
    else if (ZOOMS[event.key]) zoomBy(ZOOMS[event.key]);
    else if (event.key === "0") showAll();
    else if (event.key === "Escape" && here) map.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  /** The nearest channel that way: rather straight on than near. */
  function next(here, [right, down]) {
    let [best, least] = [null, Infinity];
    for (const one of links) {
      const [x, y] = [one.column - here.column, one.row - here.row];
      const along = x * right + y * down;
      const distance = along + 2 * Math.abs(x * down + y * right);
      if (along > 0 && distance < least) [best, least] = [one, distance];
    }
    return best;
  }
  // Of so many links the Tab key finds one, and arrows the others.
  let current = links[0];
  for (const { link } of links) link.tabIndex = -1;
  function select(one) {
    if (current) current.link.tabIndex = -1;
    current = one;
    one.link.tabIndex = 0;
    showLens(one);
  }
  stage.addEventListener("focusin", ({ target }) => {
    const one = byLink.get(target);
    if (!one) return;
    select(one);
    if (target.matches(":focus-visible")) bring(one);
  });
  /** Move it so far that a channel is well inside. */
  function bring(one) {
    const { x, y } = centre(one);
    const reach = (pixels) => Math.max(0, (pixels / 2 - 40) / size / view.zoom);
    const near = (at, middle, room) => clamp(middle, at - room, at + room);
    look({ x: near(x, view.x, reach(map.clientWidth)), y: near(y, view.y, reach(map.clientHeight)) });
    settle();
  }
  // A browser scrolls what has the focus into view by itself; here only the view moves.
  map.addEventListener("scroll", () => { map.scrollTop = 0; map.scrollLeft = 0; });

  // -- what is under the pointer, large ------------------------------------------------------------

  const picture = make("img", { alt: "", width: 160, height: 160 });
  const words = make("span");
  const lens = map.appendChild(make("a", { className: "lens", hidden: true, tabIndex: -1 }, picture, words));
  picture.onload = crisp;
  let timer;
  function showLens({ link, channel }) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const image = find("img", link);
      picture.hidden = !image;
      if (image) picture.src = `${beside(map.dataset.folder)}${map.dataset.map}/${channel}.webp`;
      words.textContent = link.title || `Channel ${channel}`;
      lens.href = link.href;
      lens.hidden = false;
    }, 60);
  }
  stage.addEventListener("pointerover", ({ target, pointerType }) => {
    const one = byLink.get(target.closest("a"));
    if (one && pointerType === "mouse" && pointers.size === 0) showLens(one);
  });
  map.addEventListener("pointerleave", ({ pointerType }) => {
    clearTimeout(timer);
    if (pointerType === "mouse" && !stage.contains(document.activeElement)) lens.hidden = true;
  });

  // -- start -------------------------------------------------------------------------------------

  for (const button of all("[data-map-do]")) {
    button.addEventListener("click", { in: () => zoomBy(STEP), out: () => zoomBy(1 / STEP), all: showAll }[button.dataset.mapDo]);
  }
  current.link.tabIndex = 0;
  measure();
  readPlace();
  draw();
  scaleOutlines();
  addEventListener("hashchange", readPlace);
  addEventListener("resize", () => { measure(); look({}); });
})();
