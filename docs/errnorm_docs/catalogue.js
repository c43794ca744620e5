"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const box = byId("q"), said = byId("said"), found = byId("found"), all = byId("all"), filters = byId("filters");
  const rows = [...all.querySelectorAll(".row")];
  const MOST_SHOWN = 200, LONGEST = 65536;

  // A row as it is searched: `words` are its names, `rest` everything else that is said of it.
  const entries = data.rows.map(([slug, code, spellings, text], at) => {
    const [protocol, section] = slug.split("/", 2), row = rows[at], home = row.parentNode;
    const names = [code, ...spellings, text].join("\n").toLowerCase();
    return { at, slug, code, spellings, text, protocol, section, row, home, names, rest: null, key: spellings[0].toLowerCase() };
  });
  const rest = (entry) => entry.rest ??= entry.row.textContent.toLowerCase();

  // Recognising a raw error: the rule of errnorm.tables.pattern, a whole text, never a part of one.
  const PLACE = /("?)\{([a-z_]+)\}\1/g;
  const literal = (text) => text.replace(/[.*+?^${}()|[\]\\\/-]/g, "\\$&");
  const indexed = {};
  for (const [protocol, sections] of Object.entries(data.sections)) {
    indexed[protocol] = {};
    for (const [name, folds] of Object.entries(sections)) indexed[protocol][name] = { folds, exact: new Map(), templates: [] };
  }
  for (const entry of entries) {
    const section = indexed[entry.protocol][entry.section];
    for (const spelling of entry.spellings) {
      if (spelling.search(PLACE) < 0) section.exact.set(section.folds ? spelling.toLowerCase() : spelling, entry);
      else section.templates.push({ entry, spelling, pattern: null });
    }
  }
  const compiled = (template, protocol, folds) => {
    let end = 0, pattern = "^";
    template.names = [];
    for (const place of template.spelling.matchAll(PLACE)) {
      const kind = data.kinds[data.params[protocol][place[2]]];
      template.names.push(place[2]);
      pattern += literal(template.spelling.slice(end, place.index)) + (place[1] ? '"([^"\\\\]*(?:\\\\.[^"\\\\]*)*)"' : `(${kind})`);
      end = place.index + place[0].length;
    }
    return new RegExp(pattern + literal(template.spelling.slice(end)) + "$", folds ? "is" : "s");
  };
  const inSection = (protocol, name, text) => {
    const section = indexed[protocol]?.[name];
    if (!section) return null;
    const entry = section.exact.get(section.folds ? text.toLowerCase() : text);
    if (entry) return { entry, values: {} };
    for (const template of section.templates) {
      const match = (template.pattern ??= compiled(template, protocol, section.folds)).exec(text);
      if (match) return { entry: template.entry, values: Object.fromEntries(template.names.map((name, at) => [name, match[at + 1]])) };
    }
    return null;
  };
  const inAll = (text, protocols = Object.keys(indexed)) => protocols.flatMap((protocol) =>
    Object.keys(indexed[protocol]).map((name) => inSection(protocol, name, text)).filter(Boolean));
  const first = (...tries) => { for (const [protocol, name, text] of tries) { const hit = inSection(protocol, name, text); if (hit) return [hit]; } return []; };
  const unquoted = (text) => text.length > 1 && text.startsWith("'") && text.endsWith("'") ? text.slice(1, -1) : text;

  const FRAME = /^(?:\S.{0,120}? )?(?:\[\d{1,10}\] )?(?:\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})? )?\[(?:INF|DBG|WRN|ERR|FTL|TRC)\] /;
  const CONNECTION = /^(?:\S{1,256} - (?:cid|wid|mid|mid_ws|rid|gid|lid|lid_ws):\d{1,20}(?: - "(?:[^"\\]|\\.)*"){0,3} - |(?:SYSTEM|JETSTREAM|ACCOUNT) - )/;
  const API = /err_code["']?\s*[=:]\s*(\d{5})/;
  const EVENT = /"type"\s*:\s*"(io\.nats\.(?:server|jetstream)\.advisory\.[a-z0-9_.]+)"/;
  const RAISED = /^((?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?:: (.*))?$/s;
  const ERRNO = /^\[(errno|winerror) (-?\d+)\] (.*)$/is;
  const OPENSSL = /^\[(?:SSL|X509|PEM)(?:: ([A-Z0-9_/]+))?\] (.*?)(?: \(_ssl\.c:\d+\))?$/s;

  // What nats-server says of a configuration before it refuses to start: file, line, and what it was doing.
  const REFUSED = /^nats-server: (?:\S+:\d+:\d+: )?(?:Error adding (?:stream|service) (?:import|export) "(?:[^"\\]|\\.)*": )?(.*)$/s;

  const ofNats = (text) => {
    const refused = REFUSED.exec(text);
    if (refused) return inAll(refused[1], ["nats"]).slice(0, 1);
    if (/^-ERR/i.test(text)) return first(["nats", "error", unquoted(text.slice(4).split("\n")[0].trim())]);
    const api = API.exec(text);
    if (api) { const hit = first(["nats", "jetstream", api[1]]); if (hit.length) return hit; }
    const event = EVENT.exec(text);
    if (event) { const hit = first(["nats", "advisory", event[1]]); if (hit.length) return hit; }
    if (text.startsWith("NATS/1.0")) {
      const line = text.slice(8).split("\n")[0].trim();
      return first(["nats", "status", line], ["nats", "status", line.slice(0, 3)]);
    }
    if (text.startsWith("nats: ")) {
      const words = text.slice(6).trim();
      return first(["nats", "client", text], ["nats", "error", unquoted(words.replace(/^permissions violation: /i, ""))]);
    }
    const framed = FRAME.exec(text), bare = framed ? text.slice(framed[0].length) : text;
    const peer = CONNECTION.exec(bare);
    if (!framed && !peer) return [];
    let line = (peer ? bare.slice(peer[0].length) : bare).trim();
    const closed = line.indexOf(" connection closed: ");
    if (closed > 0) return first(["nats", "close", line.slice(closed + 20).split(" - Remote: ")[0]]);
    const error = / Error (.*)$/s.exec(line);
    const whole = inAll(line, ["nats"]);
    if (whole.length) return whole.slice(0, 1);
    if (error) { const hit = first(["nats", "error", unquoted(error[1])]); if (hit.length) return hit; }
    line = line.replace(/ - (?:Account:[^"]+|(?:user|nkey|jwt):[^"]+|token)$/, "");
    return inAll(line, ["nats"]).slice(0, 1);
  };

  const SPACES = {
    "urn:ietf:params:xml:ns:xmpp-stanzas": "stanza", "urn:ietf:params:xml:ns:xmpp-streams": "stream",
    "urn:ietf:params:xml:ns:xmpp-sasl": "sasl", "http://jabber.org/protocol/compress": "compress",
  };
  const ofXml = (text) => {
    const start = text.search(/<[a-z?]/i);
    if (start < 0) return [];
    const inner = text.slice(start).replace(/<\?xml[^>]*\?>/, "").replace(/<!DOCTYPE[^>]*>/i, "");
    const read = (body) => new DOMParser().parseFromString(`<w xmlns:stream="http://etherx.jabber.org/streams">${body}</w>`, "text/xml");
    let tree = read(inner);
    if (tree.querySelector("parsererror")) tree = read(`${inner}</stream:stream>`);
    if (tree.querySelector("parsererror")) return [];
    const failed = [...tree.querySelectorAll("failed")].some((one) => /^urn:xmpp:sm:/.test(one.namespaceURI));
    let app = null, plain = null, legacy = null;
    for (const element of tree.querySelectorAll("*")) {
      const name = element.localName, space = element.namespaceURI ?? "";
      legacy ??= name === "error" && element.getAttribute("code") ? inSection("xmpp", "legacy", element.getAttribute("code")) : null;
      app ??= inSection("xmpp", "app", `${space} ${name}`);
      if (name === "text") continue;
      plain ??= SPACES[space] ? inSection("xmpp", failed && SPACES[space] === "stanza" ? "sm" : SPACES[space], name) : null;
      if (name === "failure" && space.endsWith(":xmpp-tls")) plain ??= inSection("xmpp", "starttls", "failure");
      if (name === "body" && element.getAttribute("type") === "terminate") plain ??= inSection("xmpp", "bosh", element.getAttribute("condition") ?? "terminate");
      if (name === "close" && space.endsWith(":xmpp-framing")) plain ??= inSection("xmpp", "websocket", element.hasAttribute("see-other-uri") ? "see-other-uri" : "close");
    }
    return [app, plain, plain ? null : legacy].filter(Boolean);
  };

  const ofSystem = (text) => {
    const numbered = ERRNO.exec(text), ssl = OPENSSL.exec(text);
    if (numbered) {
      const said = numbered[3].replace(/\.$/, ""), number = Number(numbered[2]);
      const code = number < 0 ? `eai ${number}` : `${numbered[1].toLowerCase()} ${number}`;
      if (/^Connect call failed/.test(numbered[3])) return first(["transport", "os", `connect: ${code}`], ["transport", "os", code]);
      const words = inAll(said, ["transport"]);
      return words.length ? words.slice(0, 1) : first(["transport", "os", code], ["transport", "dns", code]);
    }
    if (ssl) {
      const said = ssl[2].replace(/^certificate verify failed: /, "").replace(/\.$/, "");
      return first(["transport", "tls", said], ["transport", "tls", ssl[1] ?? ""]);
    }
    return [];
  };
  const ofException = (text) => {
    const last = text.split("\n").map((line) => line.trim()).filter(Boolean).at(-1) ?? "";
    for (const candidate of text.includes("\n") ? [last, text] : [text]) {
      const match = RAISED.exec(candidate);
      if (!match) continue;
      const dotted = match[1].includes(".") ? match[1] : `builtins.${match[1]}`;
      const words = (match[2] ?? "").trim();
      const told = words ? [...ofNats(words), ...ofSystem(words)] : [];
      const known = first(...["nats", "xmpp"].map((protocol) => [protocol, "client", dotted]), ["transport", "python", dotted], ["transport", "os", dotted], ["transport", "tls", dotted], ["transport", "dns", dotted]);
      const hits = API.test(words) || (told.length && dotted.startsWith("builtins.")) ? [...told, ...known] : [...known, ...told];
      if (hits.length) return hits;
    }
    return [];
  };

  // What is in the box, as the rows it is: the best first, none twice.
  const recognise = (raw) => {
    const text = raw.slice(0, LONGEST).trim();
    if (!text) return [];
    const hits = text.startsWith("<") || /<(stream:|iq|message|presence|error|failure)/.test(text) ? ofXml(text)
      : [ofNats, ofSystem, ofException].map((read) => read(text)).find((some) => some.length) ?? [];
    const seen = new Set();
    return [...hits, ...inAll(unquoted(text)), ...inAll(text.replace(/\.$/, ""))].filter(({ entry }) => !seen.has(entry) && seen.add(entry));
  };

  // Searching: every word must stand somewhere; where it stands decides the order.
  const scored = (query) => {
    const whole = query.trim().toLowerCase(), words = whole.split(/\s+/).filter(Boolean);
    const score = (entry) => {
      let sum = entry.key === whole || entry.code.toLowerCase() === whole ? 1000 : entry.key.startsWith(whole) ? 400 : entry.names.includes(whole) ? 200 : 0;
      for (const word of words) {
        if (entry.names.includes(word)) sum += 20;
        else if (rest(entry).includes(word)) sum += rest(entry).slice(0, 300).includes(word) ? 5 : 1;
        else return 0;
      }
      return sum;
    };
    return entries.map((entry) => [score(entry), entry]).filter(([sum]) => sum).sort(([a, x], [b, y]) => b - a || x.at - y.at);
  };
  // A text that no row knows: the rows that share its rarest words.
  const resembling = (query) => {
    const words = [...new Set(query.toLowerCase().match(/[a-z][a-z_-]{3,}/g) ?? [])].slice(0, 40);
    const weighed = words.map((word) => [word, entries.filter((entry) => entry.names.includes(word)).length]).filter(([, count]) => count && count < 60);
    const sum = (entry) => weighed.reduce((total, [word, count]) => total + (entry.names.includes(word) ? 1 / count : 0), 0);
    return entries.map((entry) => [sum(entry), entry]).filter(([total]) => total).sort(([a, x], [b, y]) => b - a || x.at - y.at).slice(0, 10);
  };

  const chosen = () => {
    const groups = {};
    for (const input of filters.querySelectorAll("input:checked")) (groups[input.name] ??= new Set()).add(input.value);
    return groups;
  };
  const passes = (row, groups) => Object.entries(groups).every(([name, values]) => values.has(row.dataset[name]));
  const plural = (count) => `${count} ${count === 1 ? "row" : "rows"}`;
  const element = (tag, name, text) => Object.assign(document.createElement(tag), { className: name, textContent: text });

  let away = [];
  const home = () => {
    const sections = new Set(away.map((entry) => entry.home));
    away = [];
    for (const section of sections) section.append(...entries.filter((entry) => entry.home === section).map((entry) => entry.row));
    found.replaceChildren();
  };
  const show = () => {
    const query = box.value, groups = chosen(), narrowed = Object.keys(groups).length;
    home();
    byId("clear").hidden = !query && !narrowed;
    byId("more").classList.toggle("on", Boolean(narrowed));
    byId("more").textContent = narrowed ? `Filter (${Object.values(groups).reduce((sum, one) => sum + one.size, 0)})` : "Filter";
    all.hidden = Boolean(query.trim());
    found.hidden = !all.hidden;
    if (query.trim()) search(query, groups);
    else browse(groups, narrowed);
  };
  const browse = (groups, narrowed) => {
    let count = 0;
    for (const entry of entries) { entry.row.hidden = !passes(entry.row, groups); count += !entry.row.hidden; }
    for (const section of all.children) section.hidden = !section.querySelector(".row:not([hidden])");
    said.textContent = narrowed ? `${plural(count)} of ${entries.length}` : plural(entries.length);
  };
  const search = (query, groups) => {
    const known = recognise(query).filter(({ entry }) => passes(entry.row, groups));
    const exact = new Set(known.map(({ entry }) => entry));
    let others = scored(query).map(([, entry]) => entry).filter((entry) => !exact.has(entry) && passes(entry.row, groups));
    const guessed = !known.length && !others.length;
    if (guessed) others = resembling(query).map(([, entry]) => entry).filter((entry) => passes(entry.row, groups));
    const shown = others.slice(0, MOST_SHOWN);
    away = [...exact, ...shown];
    for (const { row } of away) row.hidden = false;
    if (known.length) {
      const best = element("p", "best", known.length === 1 ? "This is:" : "This is, by where it was said:");
      for (const [name, value] of Object.entries(known[0].values)) best.append(" ", element("code", "", `${name} = ${value}`));
      found.append(best, ...known.map(({ entry }) => entry.row));
    }
    if (shown.length && (known.length || guessed)) found.append(element("p", "best", known.length ? "The words also stand in:" : "No row knows this text. Rows that share its words:"));
    found.append(...shown.map((entry) => entry.row));
    const count = exact.size + others.length;
    said.textContent = !away.length ? "No row has these words." : guessed ? "No row knows this text." : plural(count) + (known.length === count ? ", an exact match" : known.length ? ", the first is an exact match" : "");
    if (others.length > shown.length) said.textContent += `, the best ${plural(shown.length)} shown`;
  };

  const fit = () => { box.style.height = "auto"; box.style.height = `${box.scrollHeight + 2}px`; };
  const opened = (row) => {
    for (const other of document.querySelectorAll(".row[open]")) if (other !== row) other.open = false;
    row.open = true;
  };
  const address = (hash) => history.replaceState(null, "", hash || location.pathname + location.search);
  const remember = () => {
    const state = new URLSearchParams();
    if (box.value.trim()) state.set("q", box.value.slice(0, 400));
    for (const [name, values] of Object.entries(chosen())) state.set(name, [...values].join(","));
    address([...state].length ? `#?${state}` : "");
  };
  const changed = () => { fit(); show(); remember(); window.scrollTo({ top: Math.min(window.scrollY, all.parentNode.offsetTop - 200), behavior: "instant" }); };

  const follow = () => {
    const hash = decodeURIComponent(location.hash.slice(1));
    if (hash.startsWith("?")) {
      const state = new URLSearchParams(hash.slice(1));
      box.value = state.get("q") ?? "";
      for (const input of filters.querySelectorAll("input")) input.checked = (state.get(input.name) ?? "").split(",").includes(input.value);
      fit(); show();
      return;
    }
    const row = hash && byId(hash);
    if (!row) return;
    if (all.hidden || row.hidden) { box.value = ""; for (const input of filters.querySelectorAll("input:checked")) input.checked = false; fit(); show(); }
    if (row.classList.contains("row")) { opened(row); row.querySelector("summary").focus({ preventScroll: true }); }
    row.scrollIntoView({ block: "start" });
  };

  const visible = () => [...document.querySelectorAll(found.hidden ? "#all .row:not([hidden]) > summary" : "#found .row > summary")];
  const move = (by) => {
    const list = visible(), at = list.indexOf(document.activeElement);
    if (at < 0 && by < 0) return;
    if (at + by < 0) box.focus();
    else list[Math.min(at + by, list.length - 1)]?.focus();
    const row = document.activeElement.closest?.(".row");
    if (row) row.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const typing = event.target === box, row = event.target.closest?.("summary")?.parentNode;
    if (event.key === "/" && !typing) { box.focus(); box.select(); }
    else if (event.key === "ArrowDown" && (typing || row || event.target === document.body)) { if (typing && box.value.slice(box.selectionEnd).includes("\n")) return; move(1); }
    else if (event.key === "ArrowUp" && row) move(-1);
    else if (event.key === "Enter" && typing && !event.shiftKey) { const head = visible()[0]; if (head) { opened(head.parentNode); head.focus(); address(`#${head.parentNode.id}`); } }
    else if (event.key === "Escape" && row) { if (row.open) row.open = false; else box.focus(); }
    else if (event.key === "Escape") { if (typing && !box.value) { if (!filters.hidden) byId("more").click(); } else { box.value = ""; box.focus(); changed(); } }
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const copy = event.target.closest(".copy"), head = event.target.closest("summary");
    if (copy) { navigator.clipboard?.writeText(copy.previousElementSibling.href); copy.textContent = "Copied"; setTimeout(() => { copy.textContent = "Copy"; }, 1500); }
    else if (head && !head.parentNode.open) address(`#${head.parentNode.id}`);
  });
  document.addEventListener("toggle", (event) => {
    const link = event.target.open && event.target.querySelector?.("dd:last-child > a");
    if (link && navigator.clipboard && !link.nextElementSibling) link.after(Object.assign(element("button", "copy", "Copy"), { type: "button" }));
  }, true);
  box.addEventListener("input", changed);
  filters.addEventListener("change", changed);
  byId("clear").addEventListener("click", () => { box.value = ""; for (const input of filters.querySelectorAll("input:checked")) input.checked = false; changed(); box.focus(); });
  byId("more").addEventListener("click", () => { filters.hidden = !filters.hidden; byId("more").setAttribute("aria-expanded", String(!filters.hidden)); });
  window.addEventListener("hashchange", follow);
  window.catalogue = { recognise: (text) => recognise(text).map(({ entry, values }) => ({ slug: entry.slug, values })) };
  if (location.hash) follow();
  else if (matchMedia("(hover: hover)").matches) box.focus({ preventScroll: true });
})();
