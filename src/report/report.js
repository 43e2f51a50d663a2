"use strict";
// Draws the maps of the page from its payload, and moves them by iteration and layer. No library, no network.
(() => {
  const root = document.documentElement;
  const payload = JSON.parse(document.getElementById("payload").textContent);
  const byId = (id) => document.getElementById(id);

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const source = byId(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "Copied";
      } catch {
        // Without the right to write to the clipboard, the text is selected for the reader's own keys.
        getSelection().selectAllChildren(source);
        button.textContent = "Selected";
      }
    });
  }
  if (!payload) {
    root.dataset.ready = "true";
    return;
  }

  const { cells, spacing, origin, axes, down, unit, scales, iterations } = payload;
  const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const palettes = Object.fromEntries(Object.entries(payload.palettes).map(([name, text]) => [name, bytesOf(text)]));
  const size = cells[0] * cells[1] * cells[2];

  // A field of the payload as a function (frame, cell) → value.
  const fields = {};
  for (const [name, field] of Object.entries(payload.fields)) {
    const bytes = bytesOf(field.data);
    const view = new DataView(bytes.buffer);
    const step = (field.high - field.low) / (field.wide ? 65535 : 255);
    const integer = field.wide ? (i) => view.getUint16(2 * i, true) : (i) => bytes[i];
    fields[name] = (frame, cell) => field.low + step * integer(frame * size + cell);
  }

  const state = {
    // Position in `iterations`, not the iteration itself.
    frame: Math.max(0, iterations.length - 1),
    cut: 2,
    layer: cells[2] >> 1,
    rays: false,
  };
  const chosen = iterations.indexOf(payload.chosen);
  if (chosen >= 0) state.frame = chosen;

  // What a cut shows: its two axes, and the cell at column i, row j from the top of the picture.
  const cut = () => {
    const [h, v] = [[1, 2], [0, 2], [0, 1]][state.cut];
    const flip = !(down && v === 1);
    const strides = [1, cells[0], cells[0] * cells[1]];
    const cell = (i, j) =>
      i * strides[h] + (flip ? cells[v] - 1 - j : j) * strides[v] + state.layer * strides[state.cut];
    return { h, v, flip, width: cells[h], height: cells[v], cell };
  };

  const short = (value) => Number(value.toPrecision(4)).toString().replace("-", "−");
  const number = (value) => (Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(2) : short(value));
  const NS = "http://www.w3.org/2000/svg";
  const element = (name, attributes, text) => {
    const e = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
    if (text !== undefined) e.textContent = text;
    return e;
  };

  const LEFT = 56, RIGHT = 20, TOP = 8, BOTTOM = 42;

  class MapView {
    constructor(figure) {
      this.figure = figure;
      this.view = figure.querySelector(".view");
      this.reading = figure.querySelector(".reading");
      this.caption = figure.querySelector("figcaption").textContent;
      this.canvas = document.createElement("canvas");
      this.canvas.setAttribute("role", "img");
      this.view.append(this.canvas);
      this.view.addEventListener("pointermove", (event) => this.read(event));
      this.view.addEventListener("pointerleave", () => (this.reading.textContent = "\u00a0"));
      this.layout();
    }

    // The frame with its axes, true to scale, for the cut of now.
    layout() {
      const { h, v, flip } = cut();
      const [length, rise] = [cells[h] * spacing[h], cells[v] * spacing[v]];
      const large = this.figure.classList.contains("large");
      const [most, tall] = large ? [470, 460] : [310, 380];
      const scale = Math.min(most / length, tall / rise);
      // A very thin section keeps a height at which it can be seen; the axis says what is drawn.
      const [w, t] = [Math.max(length * scale, 48), Math.max(rise * scale, 48)];
      const [W, H] = [LEFT + w + RIGHT, TOP + t + BOTTOM];
      const px = (x) => LEFT + (w * (x - origin[h])) / length;
      const py = (y) => TOP + (flip ? t * (1 - (y - origin[v]) / rise) : (t * (y - origin[v])) / rise);
      Object.assign(this, { w, t, W, H });

      const svg = element("svg", { viewBox: `0 0 ${W} ${H}`, "aria-hidden": "true" });
      svg.style.maxWidth = `${W}px`;
      this.view.style.maxWidth = svg.style.maxWidth;
      const few = (pixels, axis) => axes[axis].ticks[pixels < 110 ? 0 : pixels < 210 ? 1 : 2];
      for (const [value, text] of few(w, h)) {
        svg.append(element("line", { class: "tick", x1: px(value), x2: px(value), y1: TOP + t, y2: TOP + t + 5 }));
        svg.append(element("text", { x: px(value), y: TOP + t + 18, "text-anchor": "middle" }, text));
      }
      for (const [value, text] of few(t, v)) {
        svg.append(element("line", { class: "tick", x1: LEFT - 5, x2: LEFT, y1: py(value), y2: py(value) }));
        svg.append(element("text", { x: LEFT - 8, y: py(value) + 4, "text-anchor": "end" }, text));
      }
      svg.append(element("text", { class: "label", x: LEFT + w / 2, y: H - 7, "text-anchor": "middle" }, axes[h].label));
      const side = `translate(12 ${TOP + t / 2}) rotate(-90)`;
      svg.append(element("text", { class: "label", transform: side, "text-anchor": "middle" }, axes[v].label));
      svg.append(element("rect", { class: "frame", x: LEFT, y: TOP, width: w, height: t }));
      svg.append((this.survey = this.drawSurvey(h, v, px, py)));
      this.view.querySelector("svg")?.remove();
      this.view.append(svg);
      const style = this.canvas.style;
      style.left = `${(100 * LEFT) / W}%`;
      style.top = `${(100 * TOP) / H}%`;
      style.width = `${(100 * w) / W}%`;
      style.height = `${(100 * t) / H}%`;
      this.draw();
    }

    // Rays, their ends and places of point data, seen along the third axis.
    drawSurvey(h, v, px, py) {
      const group = element("g", { class: "rays" });
      if (this.figure.dataset.survey === "never") return group;
      // The more rays, the fainter each, so that the map stays to be seen.
      const opacity = Math.min(0.8, 0.8 * (60 / payload.rays.length) ** 0.8);
      for (const kind of payload.rays.length > 100 ? ["core"] : ["halo", "core"]) {
        const lines = element("g", kind === "core" ? { class: kind, "stroke-opacity": opacity } : { class: kind });
        for (const r of payload.rays) {
          lines.append(element("line", { x1: px(r[h]), y1: py(r[v]), x2: px(r[3 + h]), y2: py(r[3 + v]) }));
        }
        group.append(lines);
      }
      const seen = new Set();
      const place = (points, draw) => {
        for (const p of points) {
          const [x, y] = [px(p[h]), py(p[v])];
          const key = `${draw.name}${x.toFixed(1)},${y.toFixed(1)}`;
          if (!seen.has(key)) group.append(draw(x, y));
          seen.add(key);
        }
      };
      const square = (x, y) => element("rect", { class: "receiver", x: x - 3.4, y: y - 3.4, width: 6.8, height: 6.8 });
      const disk = (x, y) => element("circle", { class: "source", cx: x, cy: y, r: 4 });
      const ring = (x, y) => element("circle", { class: "point", cx: x, cy: y, r: 3 });
      place(payload.receivers, square);
      place(payload.sources, disk);
      place(payload.points, ring);
      return group;
    }

    value(cell) {
      const { field, frame, minus } = this.figure.dataset;
      const value = fields[field](frame === "iteration" ? state.frame : Number(frame), cell);
      return minus ? value - fields[minus](0, cell) : value;
    }

    draw() {
      const { width, height, cell } = cut();
      const name = this.figure.dataset.palette;
      const [palette, [low, high]] = [palettes[name], scales[name]];
      this.canvas.width = width;
      this.canvas.height = height;
      const context = this.canvas.getContext("2d");
      const image = context.createImageData(width, height);
      for (let j = 0, at = 0; j < height; j++) {
        for (let i = 0; i < width; i++, at += 4) {
          const t = (this.value(cell(i, j)) - low) / (high - low);
          const colour = 3 * Math.max(0, Math.min(255, Math.round(255 * t)));
          image.data[at] = palette[colour];
          image.data[at + 1] = palette[colour + 1];
          image.data[at + 2] = palette[colour + 2];
          image.data[at + 3] = 255;
        }
      }
      context.putImageData(image, 0, 0);
      const toggled = this.figure.dataset.survey === "toggled" && !state.rays;
      this.survey.style.display = toggled ? "none" : "";
      const at = this.figure.dataset.frame === "iteration" ? `, iteration ${iterations[state.frame]}` : "";
      this.canvas.setAttribute("aria-label", `Map: ${this.caption}${at}${cells[2] > 1 ? `, ${layerText()}` : ""}`);
    }

    // The place and value under the pointer.
    read(event) {
      const box = this.canvas.getBoundingClientRect();
      const { h, v, flip, width, height, cell } = cut();
      const i = Math.floor((width * (event.clientX - box.left)) / box.width);
      const j = Math.floor((height * (event.clientY - box.top)) / box.height);
      if (i < 0 || j < 0 || i >= width || j >= height) {
        this.reading.textContent = "\u00a0";
        return;
      }
      const row = flip ? height - 1 - j : j;
      const metres = (axis, index) => short(origin[axis] + (index + 0.5) * spacing[axis]);
      const names = ["x", down ? "depth" : "y", "z"];
      const suffix = this.figure.dataset.palette === "probability" ? "" : ` ${unit}`;
      this.reading.textContent =
        `${names[h]} = ${metres(h, i)} m, ${names[v]} = ${metres(v, row)} m: ${number(this.value(cell(i, j)))}${suffix}`;
    }
  }

  const layerText = () => {
    const axis = state.cut;
    const place = short(origin[axis] + (state.layer + 0.5) * spacing[axis]);
    return `${"xyz"[axis]} = ${place} m (${state.layer + 1} of ${cells[axis]})`;
  };

  const maps = [...document.querySelectorAll("figure.map")].map((figure) => new MapView(figure));
  const [slider, layer, cutSelect, rays, play] = ["iteration", "layer", "cut", "rays", "play"].map(byId);

  // Brings the whole page to `state`.
  const show = (relayout) => {
    for (const map of maps) relayout ? map.layout() : map.draw();
    const iteration = iterations[state.frame];
    if (slider) {
      slider.value = state.frame;
      const text = `${iteration} of ${iterations[iterations.length - 1]}${iteration === payload.chosen ? " (the result)" : ""}`;
      byId("iteration-text").textContent = text;
      slider.setAttribute("aria-valuetext", `iteration ${text}`);
      for (const line of document.querySelectorAll(".cursor")) {
        const x = Number(line.dataset.zero) + iteration * Number(line.dataset.step);
        line.setAttribute("x1", x);
        line.setAttribute("x2", x);
        line.removeAttribute("visibility");
      }
      for (const curve of document.querySelectorAll(".curve-of")) {
        curve.classList.toggle("now", Number(curve.dataset.iteration) === iteration);
      }
      root.dataset.iteration = iteration;
    }
    if (layer) {
      layer.max = cells[state.cut] - 1;
      layer.value = state.layer;
      byId("layer-text").textContent = layerText();
      cutSelect.value = state.cut;
      root.dataset.layer = state.layer;
    }
    if (rays) rays.checked = state.rays;
  };

  // report.html#iteration=1&layer=0 opens at that iteration and layer.
  const fromAddress = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const frame = iterations.indexOf(Number(asked.get("iteration")));
    if (frame >= 0) state.frame = frame;
    if (asked.has("layer")) state.layer = Math.max(0, Math.min(cells[state.cut] - 1, Number(asked.get("layer")) || 0));
    if (asked.has("rays")) state.rays = asked.get("rays") !== "0";
  };
  const step = (by, wrap) => {
    const n = iterations.length;
    state.frame = wrap ? (state.frame + by + n) % n : Math.max(0, Math.min(n - 1, state.frame + by));
    show();
  };
  let timer = 0;
  const setPlaying = (on) => {
    clearInterval(timer);
    timer = on ? setInterval(() => step(1, true), 700) : 0;
    play.textContent = on ? "❚❚ Pause" : "▶ Play";
    play.setAttribute("aria-pressed", on);
  };

  slider?.addEventListener("input", () => {
    setPlaying(false);
    state.frame = Number(slider.value);
    show();
  });
  play?.addEventListener("click", () => setPlaying(!timer));
  layer?.addEventListener("input", () => {
    state.layer = Number(layer.value);
    show();
  });
  cutSelect?.addEventListener("change", () => {
    state.cut = Number(cutSelect.value);
    state.layer = cells[state.cut] >> 1;
    show(true);
  });
  rays?.addEventListener("change", () => {
    state.rays = rays.checked;
    show();
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, button, a, summary, pre")) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const level = { "[": -1, "]": 1 }[event.key];
    if (by && slider) step(by, false);
    else if (event.key === " " && play) setPlaying(!timer);
    else if (level && layer) {
      state.layer = Math.max(0, Math.min(cells[state.cut] - 1, state.layer + level));
      show();
    } else return;
    event.preventDefault();
  });
  addEventListener("hashchange", () => {
    fromAddress();
    show();
  });

  fromAddress();
  show();
  root.dataset.ready = "true";
})();
