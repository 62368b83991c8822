/* A photo's page: what is named of a place when it is pointed at, or gone to by keys. The facts are those of the
   table below each grid. Comes after microscope.js, on pages of photos only. */
(() => {
  "use strict";

  const { find, all, make } = window.microscope;
  for (const lens of all("[data-lens]")) start(lens, lens.closest(".part"));

  function start(lens, part) {
    const panes = find(".panes", lens);
    const pointed = find("[data-pointed]", part);
    const whole = find(".whole", part);
    const known = JSON.parse(find("script", lens).textContent);
    const count = (name) => Number(lens.style.getPropertyValue(name));
    const [rows, columns] = [count("--rows"), count("--columns")];
    const facts = all(".cells tbody tr", part).map(({ cells: [name, strength, ...channels] }) => ({
      name: name.textContent, strength: strength.textContent, channels,
    }));

    const spots = make("div", { className: "spots" });
    spots.setAttribute("role", "group");
    spots.ariaLabel = "Places. Arrow keys go from one to the next, Enter to its channels.";
    const buttons = facts.map(({ name, channels }) =>
      make("button", { type: "button", tabIndex: -1, ariaLabel: `${name}: ${channels.map((one) => one.textContent).join(", ") || "nothing is on"}` }));
    spots.append(...buttons);
    panes.append(spots);

    // -- what is shown of a place ----------------------------------------------------------------

    const frame = make("span", { className: "frame", hidden: true });
    whole?.append(frame);
    let shown = -1;
    let kept = -1;
    function show(place) {
      if (place < 0 || place === shown) return;
      buttons[shown]?.classList.remove("shown");
      buttons[place].classList.add("shown");
      shown = place;
      const [row, column] = [Math.floor(place / columns), place % columns];
      Object.assign(frame.style, {
        left: `${(100 * column) / columns}%`, top: `${(100 * row) / rows}%`, width: `${100 / columns}%`, height: `${100 / rows}%`,
      });
      frame.hidden = false;
      const { name, strength, channels } = facts[place];
      const piece = make("span", { className: "piece" }, make("img", { src: find(".over", lens).src, alt: "" }));
      for (const [key, value] of Object.entries({ x: column, y: row, rows, columns })) piece.style.setProperty("--" + key, value);
      const words = make("p", {}, make("b", { textContent: name.charAt(0).toUpperCase() + name.slice(1) }), make("br"), `strength ${strength}`);
      pointed.replaceChildren(make("div", {}, piece, words), make("ul", {}, ...channels.map((cell) => make("li", {}, channel(cell)))));
    }
    function channel(cell) {
      const link = find("a", cell);
      const [picture, label, across, down, small] = known[cell.firstElementChild.textContent];
      const crop = make("span", { className: picture ? `crop own${small ? " pixels" : ""}` : "crop none" });
      if (picture) crop.append(make("img", { src: lens.dataset.root + picture, alt: "" }));
      if (across * down > 1) { crop.style.setProperty("--w", across); crop.style.setProperty("--h", down); }
      const value = cell.lastChild.textContent.trim();
      const words = make("span", {}, cell.firstElementChild.textContent, " ", make("i", { textContent: label }), make("br"), make("b", { textContent: value }));
      return link ? make("a", { href: link.href }, crop, words) : make("span", { className: "unseen" }, crop, words);
    }

    // -- pointing, tapping -----------------------------------------------------------------------

    const placeOf = (event) => buttons.indexOf(event.target);
    spots.addEventListener("pointerover", (event) => { if (kept < 0 && event.pointerType !== "touch") show(placeOf(event)); });
    /** What is clicked stays while the pointer goes to its links; another click lets it go. */
    function keep(place) {
      buttons[kept]?.classList.remove("kept");
      kept = place === kept ? -1 : place;
      buttons[kept]?.classList.add("kept");
    }
    spots.addEventListener("click", (event) => {
      const place = placeOf(event);
      if (place < 0) return;
      select(place);
      show(place);
      if (event.detail === 0) pointed.focus(); // by keys
      else keep(place);
    });

    // -- keys ------------------------------------------------------------------------------------

    // Of so many places the Tab key finds one, and arrows the others.
    let current = 0;
    function select(place) {
      buttons[current].tabIndex = -1;
      current = place;
      buttons[current].tabIndex = 0;
    }
    select(strongest());
    function strongest() {
      const values = facts.map(({ strength }) => (strength.startsWith("over") ? 99.95 : parseFloat(strength) || 0));
      return values.indexOf(Math.max(...values));
    }
    spots.addEventListener("focusin", (event) => {
      const place = placeOf(event);
      if (place < 0) return;
      select(place);
      if (event.target.matches(":focus-visible")) { if (kept >= 0) keep(kept); show(place); }
    });
    const WAYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -columns], End: [0, columns] };
    spots.addEventListener("keydown", (event) => {
      const way = WAYS[event.key];
      if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      const clamp = (value, most) => Math.max(0, Math.min(most, value));
      const row = clamp(Math.floor(current / columns) + way[0], rows - 1);
      buttons[row * columns + clamp((current % columns) + way[1], columns - 1)].focus();
    });
    pointed.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      buttons[current].focus();
    });
  }
})();
