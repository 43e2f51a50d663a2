"use strict";
// Draws the maps of the page from its payload, and moves them by iteration, time and layer. No library, no network.
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

  const { cells, spacing, origin, axes, down, unit, scales, iterations, times, shares } = payload;
  const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const palettes = Object.fromEntries(Object.entries(payload.palettes).map(([name, text]) => [name, bytesOf(text)]));
  const size = cells[0] * cells[1] * cells[2];

  // A field of the payload as a function (frame, cell) → value; NaN where there is none.
  const fields = {};
  for (const [name, field] of Object.entries(payload.fields)) {
    const bytes = bytesOf(field.data);
    const view = new DataView(bytes.buffer);
    const missing = field.wide ? 65535 : 255;
    const step = (field.high - field.low) / (missing - 1);
    const integer = field.wide ? (i) => view.getUint16(2 * i, true) : (i) => bytes[i];
    fields[name] = (frame, cell) => {
      const q = integer(frame * size + cell);
      return q === missing ? NaN : field.low + step * q;
    };
  }

  const state = {
    // Position in `iterations`, not the iteration itself.
    frame: Math.max(0, iterations.length - 1),
    time: times ? times.length - 1 : 0,
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
      Object.assign(this, { w, t, W, H, px, py, surveyAt: null });

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
      if (this.figure.dataset.palette === "head") svg.append((this.isolines = element("g", { class: "isolines" })));
      svg.append((this.survey = element("g", { class: "rays" })));
      this.view.querySelector("svg")?.remove();
      this.view.append(svg);
      const style = this.canvas.style;
      style.left = `${(100 * LEFT) / W}%`;
      style.top = `${(100 * TOP) / H}%`;
      style.width = `${(100 * w) / W}%`;
      style.height = `${(100 * t) / H}%`;
      this.draw();
    }

    // Rays, their ends, wells and places of point data, seen along the third axis; what lies in the shown layer stands
    // out from what lies before and behind it.
    drawSurvey() {
      const key = `${state.cut} ${state.layer}`;
      if (this.figure.dataset.survey === "never" || this.surveyAt === key) return;
      this.surveyAt = key;
      const { px, py } = this;
      const { h, v } = cut();
      const group = this.survey;
      group.replaceChildren();
      // The more rays, the fainter each, so that the map stays to be seen.
      const opacity = Math.min(0.8, 0.8 * (60 / payload.rays.length) ** 0.8);
      for (const kind of payload.rays.length > 100 ? ["core"] : ["halo", "core"]) {
        const lines = element("g", kind === "core" ? { class: kind, "stroke-opacity": opacity } : { class: kind });
        for (const r of payload.rays) {
          lines.append(element("line", { x1: px(r[h]), y1: py(r[v]), x2: px(r[3 + h]), y2: py(r[3 + v]) }));
        }
        group.append(lines);
      }
      const middle = origin[state.cut] + (state.layer + 0.5) * spacing[state.cut];
      const near = (p) => cells[state.cut] === 1 || Math.abs(p[state.cut] - middle) <= 0.5001 * spacing[state.cut];
      // What is in the layer is drawn last, over the rest.
      const drawn = new Set();
      const place = (points, draw) => {
        for (const inLayer of [false, true]) {
          for (const p of points.filter((p) => near(p.place ?? p) === inLayer)) {
            const [x, y] = [px((p.place ?? p)[h]), py((p.place ?? p)[v])];
            const mark = `${draw.name} ${inLayer} ${x.toFixed(1)} ${y.toFixed(1)}`;
            if (drawn.has(mark)) continue;
            drawn.add(mark);
            const shape = draw(x, y, p);
            if (!inLayer) shape.classList.add("away");
            group.append(shape);
          }
        }
      };
      const square = (x, y) => element("rect", { class: "receiver", x: x - 3.4, y: y - 3.4, width: 6.8, height: 6.8 });
      const disk = (x, y) => element("circle", { class: "source", cx: x, cy: y, r: 4 });
      const ring = (x, y) => element("circle", { class: "point", cx: x, cy: y, r: 3 });
      const triangle = (x, y, well) => {
        const up = well.kind === "injecting" ? -1 : 1;
        const shape = element("path", {
          class: `well ${well.kind}`,
          d: `M${x - 5.5} ${y - 4 * up}H${x + 5.5}L${x} ${y + 6 * up}Z`,
        });
        shape.append(element("title", {}, well.text));
        return shape;
      };
      place(payload.receivers, square);
      place(payload.sources, disk);
      place(payload.points, ring);
      place(payload.wells, triangle);
    }

    // Lines of equal value between the cells' centres, by marching squares, each level with its number.
    drawIsolines() {
      const { width, height, cell } = cut();
      const { w, t } = this;
      const [sx, sy] = [w / width, t / height];
      this.isolines.replaceChildren();
      for (const [level, text] of payload.isolines) {
        let path = "";
        const middles = [];
        for (let j = 0; j + 1 < height; j++) {
          for (let i = 0; i + 1 < width; i++) {
            const corner = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
            const value = corner.map(([a, b]) => this.value(cell(a, b)) - level);
            if (value.some(Number.isNaN)) continue;
            const ends = [];
            for (let e = 0; e < 4; e++) {
              const [p, q] = [value[e], value[(e + 1) % 4]];
              if ((p < 0) === (q < 0)) continue;
              const [a, b] = [corner[e], corner[(e + 1) % 4]];
              const f = p / (p - q);
              ends.push([LEFT + (a[0] + f * (b[0] - a[0]) + 0.5) * sx, TOP + (a[1] + f * (b[1] - a[1]) + 0.5) * sy]);
            }
            // A saddle joins its four ends in the order in which they stand; its kind does not show at this scale.
            for (let e = 0; e + 1 < ends.length; e += 2) {
              path += `M${ends[e].map((c) => c.toFixed(1))}L${ends[e + 1].map((c) => c.toFixed(1))}`;
              middles.push(ends[e]);
            }
          }
        }
        if (!path) continue;
        this.isolines.append(element("path", { d: path }));
        // The number stands half way up, where the lines seldom crowd.
        const distance = ([, y]) => Math.abs(y - TOP - t / 2);
        const [x, y] = middles.reduce((best, now) => (distance(now) < distance(best) ? now : best));
        if (middles.length > 8 && x > LEFT + 12 && x < LEFT + w - 12) {
          this.isolines.append(element("text", { x, y: y + 4, "text-anchor": "middle" }, text));
        }
      }
    }

    value(cell) {
      const { field, frame, minus } = this.figure.dataset;
      const value = fields[field](frame === "iteration" ? state.frame : frame === "time" ? state.time : Number(frame), cell);
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
          // A cell without value lets the ground show.
          if (Number.isNaN(t)) continue;
          const colour = 3 * Math.max(0, Math.min(255, Math.round(255 * t)));
          image.data[at] = palette[colour];
          image.data[at + 1] = palette[colour + 1];
          image.data[at + 2] = palette[colour + 2];
          image.data[at + 3] = 255;
        }
      }
      context.putImageData(image, 0, 0);
      if (this.isolines) this.drawIsolines();
      this.drawSurvey();
      const toggled = this.figure.dataset.survey === "toggled" && !state.rays;
      this.survey.style.display = toggled ? "none" : "";
      const frames = { iteration: `, iteration ${iterations[state.frame]}`, time: times ? `, after ${times[state.time]}` : "" };
      const at = frames[this.figure.dataset.frame] ?? "";
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
      const palette = this.figure.dataset.palette;
      const suffix = { probability: "", head: " m" }[palette] ?? ` ${unit}`;
      const value = this.value(cell(i, j));
      const category = () => payload.categories[Math.round(value)] ?? "none";
      const said = Number.isNaN(value) ? "inactive" : palette === "category" ? category() : `${number(value)}${suffix}`;
      this.reading.textContent = `${names[h]} = ${metres(h, i)} m, ${names[v]} = ${metres(v, row)} m: ${said}`;
    }
  }

  const layerText = () => {
    const axis = state.cut;
    const place = short(origin[axis] + (state.layer + 0.5) * spacing[axis]);
    return `${"xyz"[axis]} = ${place} m (${state.layer + 1} of ${cells[axis]})`;
  };

  const maps = [...document.querySelectorAll("figure.map")].map((figure) => new MapView(figure));
  const [slider, cutSelect, rays, play, time] = ["iteration", "cut", "rays", "play", "time"].map(byId);
  const layers = [...document.querySelectorAll("input.layer")];

  // The bars of the scenarios as they were after `iteration`: the last that the table has until then.
  const showShares = (iteration) => {
    const table = byId("shares");
    if (!table || !shares) return;
    const known = shares.iterations.filter((k) => k <= iteration).length;
    const row = known ? known - 1 : iteration ? 0 : shares.iterations.length - 1;
    byId("shares-iteration").textContent = shares.iterations[row];
    for (const kind of ["norm", "contribution"]) {
      const values = shares[kind][row];
      const whole = kind === "norm" ? Math.max(...values, 1e-300) : 1;
      table.querySelectorAll(`.share.${kind}`).forEach((cell, i) => {
        const value = values[i] ?? 0;
        cell.querySelector("i").style.width = `${(100 * value) / whole}%`;
        cell.querySelector("b").textContent = kind === "norm" ? number(value) : `${(100 * value).toFixed(1)} %`;
      });
    }
    table.querySelectorAll("tbody tr").forEach((line, i) => line.classList.toggle("passive", shares.active[row][i] === false));
  };

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
    showShares(iteration);
    if (time) {
      time.value = state.time;
      byId("time-text").textContent = times[state.time];
      time.setAttribute("aria-valuetext", `after ${times[state.time]}`);
      root.dataset.time = state.time;
    }
    for (const layer of layers) {
      layer.max = cells[state.cut] - 1;
      layer.value = state.layer;
      layer.setAttribute("aria-valuetext", layerText());
      layer.nextElementSibling.textContent = layerText();
      root.dataset.layer = state.layer;
    }
    if (cutSelect) cutSelect.value = state.cut;
    if (rays) rays.checked = state.rays;
  };

  // report.html#iteration=1&layer=0&time=2 opens at that iteration, layer and time.
  const fromAddress = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const frame = iterations.indexOf(Number(asked.get("iteration")));
    if (frame >= 0) state.frame = frame;
    if (asked.has("layer")) state.layer = Math.max(0, Math.min(cells[state.cut] - 1, Number(asked.get("layer")) || 0));
    if (asked.has("time") && times) {
      state.time = Math.max(0, Math.min(times.length - 1, Number(asked.get("time")) || 0));
    }
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
  time?.addEventListener("input", () => {
    state.time = Number(time.value);
    show();
  });
  for (const layer of layers) {
    layer.addEventListener("input", () => {
      state.layer = Number(layer.value);
      show();
    });
  }
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
    else if (level && layers.length) {
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
