"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const box = byId("q"), said = byId("said"), answers = byId("answers"), found = byId("found"), home = byId("home"), all = byId("all"), filters = byId("filters");
  const MOST_SHOWN = 100;
  const element = (tag, name, ...inside) => { const made = document.createElement(tag); if (name) made.className = name; made.append(...inside); return made; };
  const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

  // The list of the page and the columns of the data have the same rows in the same order, and each has what the other lacks.
  const slugOf = (item) => item.firstChild.getAttribute("href").replace(/^catalogue\/|\.html$/g, "");
  const TERMINAL = 16, MAY_HAVE_BEEN_DONE = 32, ALL_FLAGS_OF_FINDING = 15;
  const common = new Set([...byId("common").querySelectorAll(".row")].map(slugOf));
  const recoveryOf = new Map(data.recoveries.map((recovery, at) => [data.steps[recovery], at])), reasonAt = new Map(data.reasons.map((reason, at) => [reason, at]));
  const rowOf = (item, at, [protocol, section]) => {
    const { texts, codes, flags } = data.columns, [link, reason, step] = item.children, [key, beside] = link.childNodes;
    return {
      protocol, section, slug: slugOf(item), aside: beside?.textContent, code: codes[at], flags: flags[at] & ALL_FLAGS_OF_FINDING, note: data.notes[at],
      texts: [beside ? key.data.slice(0, -1) : key.data, ...texts[at]], // before what stands beside it there is a blank
      judged: [reasonAt.get(reason.textContent), recoveryOf.get(step.textContent), flags[at] & TERMINAL ? 1 : 0, flags[at] & MAY_HAVE_BEEN_DONE ? 1 : 0],
      facts: [],
    };
  };
  const entries = [];
  for (const section of all.children) {
    const place = section.id.split("/");
    for (const item of section.querySelectorAll(".row")) entries.push({ item, at: entries.length, row: rowOf(item, entries.length, place), names: "", rest: "" });
  }
  data.rows = entries.map(({ row }) => row);
  for (const [label, texts] of Object.entries(data.facts)) {
    let said = "";
    for (const [at, text] of texts.entries()) data.rows[at].facts.push([label, said = text || said]); // a zero is the same as before
  }
  for (const row of data.rows) {
    const told = Object.fromEntries(row.facts);
    row.evidence = told.Evidence.split(/[:;]/)[0];
    // As `prominence` in Python: the commonest first, then what a client meets, then what was provoked.
    row.rank = (common.has(row.slug) ? 0 : 4) + (data.met.includes(told.Where) ? 0 : 2) + (row.evidence === "provoked" ? 0 : 1);
  }
  const finder = finding(data);
  const bySlug = new Map(data.rows.map((row) => [row.slug, row]));
  const judgementOf = (row) => ({ reason: row.judged[0], recovery: row.judged[1], terminal: Boolean(row.judged[2]), effect: row.judged[3] });
  const reasonOf = ({ reason }) => data.reasons[reason], stepOf = ({ recovery }) => data.recoveries[recovery];
  const retried = (judged) => ["wait", "reconnect", "redirect"].includes(stepOf(judged));
  const essentials = (judged, row) => [
    ["Do", data.advice[judged.reason][judged.recovery]],
    ["Retry", data.retry[judged.recovery][Number(judged.terminal)][judged.effect]],
    ["Likely cause", data.cause[judged.reason]],
    ["Meaning", data.about[judged.reason] + (row.note ? ` ${row.note}` : "")],
  ];
  const byRank = (rows, most) => rows.sort((a, b) => a.rank - b.rank).slice(0, most);
  const meansTheSame = (row, judged) => byRank(data.rows.filter((one) => one.protocol !== row.protocol && one.judged[0] === judged.reason && one.judged[1] === judged.recovery), 3);
  const ofTheReason = (row, judged) => byRank(data.rows.filter((one) => one !== row && one.protocol === row.protocol && one.judged[0] === judged.reason), 6);
  const addressOf = (row) => `${row.protocol}/${row.section}/${row.key}`;
  const quoted = (words) => /^[\w@%+=:,./-]+$/.test(words) ? words : `'${words.replaceAll("'", `'"'"'`)}'`;
  const command = (row) => `errnorm explain ${quoted(addressOf(row))}`;
  const entryOf = new Map(entries.map((entry) => [entry.row.slug, entry]));
  const marks = ({ row }) => ({ protocol: row.protocol, category: reasonOf(judgementOf(row)).split(".")[0], step: stepOf(judgementOf(row)), evidence: row.evidence });
  // Lowering all names is what the first search would wait for, so it is done when nothing else is.
  let prepared = false;
  const prepare = () => {
    if (prepared) return;
    prepared = true;
    for (const entry of entries) {
      const { row } = entry;
      entry.names = [row.code, ...row.texts, row.aside ?? ""].join("\n").toLowerCase();
      const judged = judgementOf(row), facts = [...essentials(judged, row), ...row.facts];
      entry.rest = `${reasonOf(judged)} ${row.protocol} ${row.section} ${facts.map(([, fact]) => fact).join(" ")}`.toLowerCase();
    }
  };
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 200));
  idle(() => { prepare(); finder.find("warm: up"); });

  // ------------------------------------------------------------------------------------------------------------ Answers

  const prose = (words) => {
    const parts = words.split(/`([^`]+)`/);
    return parts.map((part, at) => at % 2 ? element("code", "", part) : part);
  };
  const chips = (judged) => {
    const step = stepOf(judged), reason = reasonOf(judged);
    return [element("span", `reason c-${reason.split(".")[0]}`, reason), " ", element("span", `step ${retried(judged) ? "yes" : step === "none" ? "calm" : "no"}`, data.steps[step])];
  };
  const link = (row) => {
    const made = element("a", "", element("code", "", row.key));
    made.href = `#${row.slug}`;
    return element("li", "", made, ` ${data.names[row.protocol] ?? row.protocol} ${row.section}: ${data.steps[stepOf(judgementOf(row))]}`);
  };
  const copier = (words, label) => {
    const button = element("button", "copy", label);
    button.type = "button";
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(words); button.textContent = "Copied"; } catch { button.textContent = words; }
      setTimeout(() => { button.textContent = label; }, 2500);
    });
    return button;
  };
  const listOf = (facts) => {
    const list = element("dl");
    for (const [label, fact] of facts) list.append(element("dt", "", label), element("dd", "", ...prose(fact)));
    return list;
  };
  const answer = (row, { lines = [], values = {}, how = "whole", open = true, count = 1, judged = judgementOf(row) } = {}) => {
    const made = element("article", "answer"), head = element("h2", "key", row.key), page = element("a", "", "Open the page of this error");
    made.id = `answer/${row.slug}`;
    page.href = `catalogue/${row.slug}.html`;
    if (row.aside) head.append(" ", element("small", "", row.aside));
    const where = [`${data.names[row.protocol] ?? row.protocol} ${row.section}`];
    if (count > 1) where.push(`${count} times`);
    if (lines.length) where.push(`line ${lines.slice(0, 6).join(", ")}${lines.length > 6 ? ", …" : ""}`);
    if (how === "inside") where.push("found inside other text");
    made.append(head, element("p", "chips", ...chips(judged), " ", element("span", "where", where.join(" · "))));
    const said = essentials(judged, row), shown = open ? said.length : 2;
    made.append(listOf(said.slice(0, shown)));
    const named = Object.entries(values).filter(([, value]) => value !== undefined);
    if (named.length) made.append(element("p", "values", ...named.flatMap(([name, value]) => [element("code", "", `${name} = ${value}`), " "])));
    const more = element("details", "further", element("summary", "", open ? "More: where it occurs, and the evidence" : "More"));
    more.append(listOf([...said.slice(shown), ...row.facts]));
    for (const [title, rows] of [["The same meaning in other protocols", meansTheSame(row, judged)], ["See also", ofTheReason(row, judged)]])
      if (rows.length) more.append(element("h3", "", title), element("ul", "", ...rows.map(link)));
    made.append(more, element("p", "actions", page, " ", copier(command(row), "Copy the command"), " ", copier(new URL(`catalogue/${row.slug}.html`, location.href).href, "Copy the link")));
    return made;
  };

  // ------------------------------------------------------------------------------------------------------------- Search

  const scored = (query) => {
    prepare();
    const whole = query.trim().toLowerCase(), words = whole.split(/\s+/).filter(Boolean);
    const score = ({ row, names, rest }) => {
      const key = row.key.toLowerCase();
      let sum = key === whole || row.code.toLowerCase() === whole ? 1000 : names.split("\n").includes(whole) ? 800 : key.startsWith(whole) ? 400 : names.includes(whole) ? 200 : 0;
      for (const word of words) {
        if (names.includes(word)) sum += 20;
        else if (rest.includes(word)) sum += 3;
        else return 0;
      }
      return sum + (common.has(row.slug) ? 10 : 0);
    };
    return entries.map((entry) => [score(entry), entry]).filter(([sum]) => sum).sort(([a, x], [b, y]) => b - a || x.at - y.at).map(([, entry]) => entry);
  };
  const meant = (query) => {
    const words = new Set(query.toLowerCase().match(/[a-z]{2,}/g) ?? []);
    return Object.entries(data.forms.synonyms).filter(([phrase]) => phrase.split(" ").every((word) => words.has(word)))
      .sort(([a], [b]) => b.length - a.length).flatMap(([, places]) => places)
      .flatMap((place) => {
        const [protocol, section, ...code] = place.split("/");
        return entries.filter(({ row }) => row.protocol === protocol && row.section === section && (row.code === code.join("/") || row.texts.includes(code.join("/"))));
      });
  };
  // A text that no row knows: what people call it, then the rows that share its rarest words.
  const resembling = (query) => {
    prepare();
    const words = [...new Set(query.toLowerCase().match(/[a-z][a-z_-]{3,}/g) ?? [])].slice(0, 40);
    const weighed = words.map((word) => [word, entries.filter((entry) => entry.names.includes(word)).length]).filter(([, count]) => count && count < 120);
    const sum = (entry) => weighed.reduce((total, [word, count]) => total + (entry.names.includes(word) ? 1 / count : 0), 0);
    const like = entries.map((entry) => [sum(entry), entry]).filter(([total]) => total).sort(([a, x], [b, y]) => b - a || x.at - y.at).map(([, entry]) => entry);
    return [...new Set([...meant(query), ...like])].slice(0, 10);
  };
  /** The errors in a text as answers: each row once, in the order in which they first stand in it. */
  const recognise = (query) => {
    const trimmed = query.trim(), row = trimmed.includes("/") && data.rows.find((one) => one.slug === trimmed || addressOf(one) === trimmed);
    const hits = row ? [{ row, values: {} }] : /\s/.test(trimmed) || trimmed.length > 80 ? [] : finder.named(trimmed);
    const grouped = new Map();
    if (hits.length) for (const { row, values } of hits) grouped.set(row.slug, { row, values, how: "whole", lines: [], count: 1 });
    else for (const { row, values, how, line, judged } of finder.find(query)) {
      const key = `${row.slug} ${judged.reason} ${judged.recovery}`, group = grouped.get(key) ?? { row, values, how, judged, lines: [], count: 0 };
      group.lines.push(line);
      group.count += 1;
      grouped.set(key, group);
    }
    const many = query.trim().includes("\n");
    return [...grouped.values()].map((group) => ({ ...group, lines: many ? group.lines : [] }));
  };

  const chosen = () => {
    const groups = {};
    for (const input of filters.querySelectorAll("input:checked")) (groups[input.name] ??= new Set()).add(input.value);
    return groups;
  };
  const passes = (entry, groups) => { const of = marks(entry); return Object.entries(groups).every(([name, values]) => values.has(of[name])); };
  const listed = (some) => element("ul", "", ...some.slice(0, MOST_SHOWN).map(({ item }) => item.cloneNode(true)));
  const show = () => {
    const query = box.value, groups = chosen(), narrowed = Object.keys(groups).length, asked = Boolean(query.trim());
    answers.replaceChildren();
    found.replaceChildren();
    byId("clear").hidden = !query && !narrowed;
    byId("more").classList.toggle("on", Boolean(narrowed));
    byId("more").textContent = narrowed ? `Filter (${Object.values(groups).reduce((sum, one) => sum + one.size, 0)})` : "Filter";
    home.hidden = asked || Boolean(narrowed);
    all.hidden = asked;
    answers.hidden = found.hidden = !asked;
    if (asked) search(query, groups);
    else browse(groups, narrowed);
  };
  const browse = (groups, narrowed) => {
    let count = 0;
    for (const entry of entries) { entry.item.hidden = Boolean(narrowed) && !passes(entry, groups); count += !entry.item.hidden; }
    for (const section of all.children) section.hidden = !section.querySelector(".row:not([hidden])");
    said.textContent = narrowed ? `${plural(count, "row")} of ${entries.length.toLocaleString("en")}` : plural(entries.length, "row");
  };
  const search = (query, groups) => {
    const known = recognise(query).filter(({ row }) => passes(entryOf.get(row.slug), groups));
    const several = known.length > 1 && !known.every(({ how, lines }) => how === "whole" && !lines.length);
    answers.append(...known.map((one) => answer(one.row, { ...one, open: !several })));
    const shown = new Set(known.map(({ row }) => row.slug));
    const same = known.length ? finder.named(query.trim()).map(({ row }) => entryOf.get(row.slug)).filter((entry) => !shown.has(entry.row.slug) && passes(entry, groups)) : [];
    if (same.length) found.append(element("p", "best", "Other rows with the same text:"), listed([...new Set(same)]));
    for (const { row } of same) shown.add(row.slug);
    const worded = query.trim().split(/\s+/).length <= 6 && !query.trim().includes("\n");
    const others = worded ? scored(query).filter((entry) => !shown.has(entry.row.slug) && passes(entry, groups)) : [];
    if (!known.length && !others.length) {
      const like = resembling(query).filter((entry) => passes(entry, groups));
      said.textContent = "This text matches no row.";
      found.append(element("p", "best", like.length ? "This error is unknown, so there is no advice. Similar rows:" : "This error is unknown, so there is no advice. No row is similar."), listed(like),
        element("p", "best", "Next: report the text, with the server or client and its version, or add a row of your own."));
      return;
    }
    if (others.length) {
      const like = known.length ? [] : meant(query).filter((entry) => passes(entry, groups));
      if (like.length) found.append(element("p", "best", "Did you mean:"), listed(like));
      const rest = others.filter((entry) => !like.includes(entry));
      if (rest.length) found.append(element("p", "best", known.length ? "Other rows with these words:" : "Rows with these words:"), listed(rest));
    }
    const times = known.reduce((sum, { count }) => sum + count, 0);
    said.textContent = known.length ? `${plural(times, "error")} of ${plural(known.length, "kind")}${others.length ? `, and ${plural(others.length, "other row")}` : ""}` : plural(others.length, "row");
  };

  // --------------------------------------------------------------------------------------------------- Address and keys

  const address = (hash) => history.replaceState(null, "", hash || location.pathname + location.search);
  const remember = () => {
    const state = new URLSearchParams();
    if (box.value.trim()) state.set("q", box.value.slice(0, 400));
    for (const [name, values] of Object.entries(chosen())) state.set(name, [...values].join(","));
    address([...state].length ? `#?${state}` : "");
  };
  const fit = () => { box.style.height = "auto"; box.style.height = `${box.scrollHeight + 2}px`; };
  const changed = () => { fit(); show(); remember(); };
  const cleared = () => { box.value = ""; for (const input of filters.querySelectorAll("input:checked")) input.checked = false; };
  const openRow = (slug) => {
    const row = bySlug.get(slug);
    if (!row) return false;
    cleared();
    fit();
    show();
    answers.replaceChildren(answer(row));
    answers.hidden = false;
    home.hidden = true;
    said.textContent = "One row";
    address(`#${slug}`);
    answers.firstChild.scrollIntoView({ block: "nearest" });
    return true;
  };
  const follow = () => {
    const hash = decodeURIComponent(location.hash.slice(1));
    if (hash.startsWith("?")) {
      const state = new URLSearchParams(hash.slice(1));
      box.value = state.get("q") ?? "";
      for (const input of filters.querySelectorAll("input")) input.checked = (state.get(input.name) ?? "").split(",").includes(input.value);
      fit(); show();
    } else if (hash && !openRow(hash)) byId(hash)?.scrollIntoView({ block: "start" });
  };
  const visible = () => [...document.querySelectorAll(".row > a")].filter((one) => one.checkVisibility());
  const move = (by) => {
    const list = visible(), at = list.indexOf(document.activeElement);
    if (at < 0 && by < 0) return;
    if (at + by < 0) box.focus(); else list[Math.min(at + by, list.length - 1)]?.focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const typing = event.target === box, row = event.target.closest?.(".row > a");
    if (event.key === "/" && !typing) { box.focus(); box.select(); }
    else if (event.key === "ArrowDown" && (typing || row || event.target === document.body)) { if (typing && box.value.slice(box.selectionEnd).includes("\n")) return; move(1); }
    else if (event.key === "ArrowUp" && row) move(-1);
    else if (event.key === "Enter" && typing && !event.shiftKey && !answers.firstChild) { const first = visible()[0]; if (first) openRow(slugOf(first.parentNode)); }
    else if (event.key === "Escape") { cleared(); changed(); box.focus(); }
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const row = event.target.closest(".row > a"), example = event.target.closest(".example");
    if (row && openRow(slugOf(row.parentNode))) event.preventDefault();
    else if (example) { box.value = example.dataset.text; changed(); box.focus(); }
  });
  box.addEventListener("input", changed);
  filters.addEventListener("change", changed);
  byId("clear").addEventListener("click", () => { cleared(); changed(); box.focus(); });
  byId("more").addEventListener("click", () => { filters.hidden = !filters.hidden; byId("more").setAttribute("aria-expanded", String(!filters.hidden)); });
  window.addEventListener("hashchange", follow);
  window.catalogue = {
    find: (query) => finder.find(query).map(({ row, line, how, judged }) => ({ slug: row.slug, line, how, reason: reasonOf(judged), recovery: stepOf(judged), terminal: judged.terminal })),
    named: (query) => finder.named(query.trim()).map(({ row }) => row.slug),
    recognise: (query) => recognise(query).map(({ row, values }) => ({ slug: row.slug, values })),
  };
  if (location.hash) follow();
  else if (matchMedia("(hover: hover)").matches) box.focus({ preventScroll: true });
})();
