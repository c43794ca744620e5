"use strict";
/* Finds the errors in a text, as errnorm.finding does in Python: the same forms, the same rows, in the same order.
   What is told apart by a function there has the same name here. */
const finding = (data) => {
  const MOST_LOOKUPS = 160, MOST_WAYS = 24, MOST_TRIMS = 4, MOST_FRAMES = 12, MOST_LINES = 4000, MOST_JOINED = 8, DEEPEST = 4, MOST_RAISED = 8;
  const LONGEST_TEXT = 1 << 20, LONGEST_LINE = 8192, LONGEST_TAIL = 400, LONGEST_ELEMENT = 65536, LONGEST_WORDS = 512, MOST_GATHERED = 64, MOST_TAGS = 512;
  const WRAPS = 1, SAYS_LITTLE = 2, REFINED = 4, DEFERS = 8, NOTICE = data.reasons.indexOf("protocol.notice");
  const QUOTES = { '"': '"', "'": "'", "`": "`", "(": ")", "[": "]", "\u201c": "\u201d", "\u2018": "\u2019", "*": "*", "_": "_", "~": "~" };

  // ------------------------------------------------------------------------------------------------------------ Tables

  const PLACE = /("?)\{([a-z_]+)\}\1/g;
  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
  const places = (text) => text.search(PLACE) >= 0;
  const template = (text, protocol, row, folds) => {
    const kinds = data.params[protocol];
    const head = text.slice(0, text.indexOf("{")).replace(/"$/, "");
    return { text, row, head: folds ? head.toLowerCase() : head, folds, kinds, pattern: null, names: [] };
  };
  const compiled = (one) => {
    let end = 0, pattern = "^";
    for (const place of one.text.matchAll(PLACE)) {
      one.names.push(place[2]);
      const value = place[1] ? '"([^"\\\\]*(?:\\\\.[^"\\\\]*)*)"' : `(${data.kinds[one.kinds[place[2]] ?? "text"]})`;
      pattern += escaped(one.text.slice(end, place.index)) + value;
      end = place.index + place[0].length;
    }
    return new RegExp(pattern + escaped(one.text.slice(end)) + "$", one.folds ? "is" : "s");
  };
  const reading = (one, text, folded) => {
    if (!(one.folds ? folded : text).startsWith(one.head)) return null;
    const found = (one.pattern ??= compiled(one)).exec(text);
    return found && Object.fromEntries(one.names.map((name, at) => [name, found[at + 1]]));
  };
  const byHead = (templates) => templates.sort((a, b) => b.head.length - a.head.length);
  const wordsOf = (text) => text.replace(/["'`]?\{[a-z_]+\}["'`]?/g, " ").trim().split(/\s+/).join(" ").replace(/^[ :,;-]+|[ :,;-]+$/g, "");
  for (const row of data.rows) { row.key = row.texts[0]; row.code ||= places(row.key) ? wordsOf(row.key) : row.key; }
  // The order in which tables are asked is not the one in which they are listed.
  const asked = Object.keys(data.tables).flatMap((protocol) => data.rows.filter((row) => row.protocol === protocol));
  const tables = {};
  for (const [protocol, table] of Object.entries(data.tables)) {
    tables[protocol] = { underlies: table.underlies, sections: {} };
    for (const [name, head] of Object.entries(table.sections))
      tables[protocol].sections[name] = { ...head, exact: new Map(), codes: new Map(), templates: [] };
  }
  for (const row of asked) {
    const section = tables[row.protocol].sections[row.section], fold = (text) => section.folds ? text.toLowerCase() : text;
    for (const text of row.texts) {
      if (places(text)) section.templates.push(template(text, row.protocol, row, section.folds));
      else for (const spelling of [text, fold(text)]) if (!section.exact.has(spelling)) section.exact.set(spelling, row);
    }
    if (!section.codes.has(fold(row.code))) section.codes.set(fold(row.code), row);
  }
  for (const { sections } of Object.values(tables)) for (const section of Object.values(sections)) byHead(section.templates);
  const matched = (section, text) => {
    const folded = text.toLowerCase(), exact = section.exact.get(text) ?? (section.folds ? section.exact.get(folded) : undefined);
    if (exact) return { row: exact, values: {} };
    for (const one of section.templates) { const values = reading(one, text, folded); if (values) return { row: one.row, values }; }
    return null;
  };
  const coded = (section, text) => { const row = section.codes.get(section.folds ? text.toLowerCase() : text); return row ? { row, values: {} } : null; };
  const anywhere = (protocol, text) => {
    const sections = Object.values(tables[protocol].sections).filter((section) => !section.inside);
    for (const section of sections) { const row = section.exact.get(text); if (row) return { row, values: {} }; }
    for (const section of sections) { const hit = matched(section, text); if (hit) return hit; }
    for (const section of sections) { const hit = coded(section, text); if (hit) return hit; }
    return null;
  };
  const exactly = (protocol, name, text) => {
    const section = tables[protocol].sections[name], folded = section?.folds ? text.toLowerCase() : text;
    return section?.exact.get(text) ?? section?.exact.get(folded) ?? section?.codes.get(folded) ?? null;
  };
  const inside = (protocol, words) => {
    for (const section of Object.values(tables[protocol].sections)) { const hit = section.inside && matched(section, words); if (hit) return hit.row; }
    return null;
  };
  // What follows from a row, and from what stands beside it: the type of a stanza error, an application condition, words it passes on.
  const WAIT = data.recoveries.indexOf("wait"), RECONNECT = data.recoveries.indexOf("reconnect");
  const judged = ({ row, values, said, family = [], details = [], closed }) => {
    const rows = (pairs) => pairs.map(([name, code]) => exactly(row.protocol, name, code)).filter(Boolean);
    const override = (one) => tables[one.protocol].sections[one.section].override;
    const overriding = rows(family).find(override), last = Object.values(values ?? {}).at(-1);
    const words = row.key.endsWith("}") && last !== undefined ? last : said;
    const detail = rows(details)[0] ?? (row.flags & REFINED && words ? inside(row.protocol, words.slice(0, LONGEST_WORDS)) : null);
    const meaning = detail ?? (row.flags & DEFERS && overriding ? overriding : row), terminal = closed ?? Boolean(row.judged[2]);
    let recovery = meaning.judged[1];
    if (overriding) recovery = overriding.key === override(overriding) ? WAIT : recovery === WAIT ? overriding.judged[1] : recovery;
    if (terminal && recovery === WAIT) recovery = RECONNECT;
    else if (!terminal && recovery === RECONNECT) recovery = WAIT;
    return { reason: meaning.judged[0], recovery, terminal, effect: (detail ?? row).judged[3] };
  };
  const bare = (text) => {
    const texts = [], quoted = /^(?:"(.+)"|'(.+)'|`(.+)`|\u201c(.+)\u201d)\.?$/s.exec(text);
    if (quoted) texts.push(text = quoted.slice(1).find((one) => one !== undefined));
    const stopped = text.replace(/\.$/, "");
    if (stopped !== text) texts.push(stopped);
    const constant = /^[a-z]\w*\.([A-Z]\w*)$/.exec(stopped);
    if (constant) texts.push(constant[1]);
    return texts;
  };
  const letterByLetter = (text) => {
    for (const { sections } of Object.values(tables)) for (const section of Object.values(sections)) { const row = !section.inside && section.exact.get(text); if (row) return row; }
    return null;
  };
  const inTable = (protocol, name, text) => {
    if (!tables[protocol]) return null;
    if (name !== "*") { const section = tables[protocol].sections[name]; return section ? matched(section, text) ?? coded(section, text) : null; }
    for (const one of [text, ...bare(text)]) { const hit = anywhere(protocol, one); if (hit) return hit; }
    return null;
  };

  // Names: everything that names a row, in one index over the tables of one protocol, or of all.
  const FEWEST_LITERAL = 8, MUCH_LITERAL = 20, FEWEST_OF_CUT = 24;
  const TELLING = /^(?:(?:[^ ]{2,}|[^ -~]|[AO']) +[^ ].{2,}|[^ -~]{4,}|E(?!RROR)[A-Z]{4,}|WSAE[A-Z]+|[A-Z]{2,}(?:_[A-Z0-9]+)+)$/s;
  const CLASS = /^(?:[A-Za-z_]\w*[.$])+([A-Z]\w+)$/;
  const COMPOUND = /[a-z0-9][A-Z]/, builtins = new Set(data.builtins);
  const CUT = /^(.{24,}?)(?: ?>| ?\.\.\.|\u2026)$/s;
  const indexes = {};
  const isEveryday = (text) => listed.has(text.toLowerCase());
  const names = (protocol) => indexes[protocol ?? ""] ??= (() => {
    const claimed = new Map(), common = new Map(), classes = new Map(), templates = [], others = [], everyday = new Set(protocol ? [] : given.everyday.names);
    const put = (map, key, row) => { if (!map.has(key)) map.set(key, row); };
    for (const row of asked) {
      if (tables[row.protocol].sections[row.section].inside) continue;
      if (protocol && row.protocol !== protocol && !tables[row.protocol].underlies) continue;
      for (const text of [...row.texts, row.code]) {
        const apart = !protocol && !tables[row.protocol].underlies && isEveryday(places(text) ? text.replace(/\.$/, "") : text), exact = apart ? common : claimed;
        if (places(text)) {
          if (text !== row.code || row.texts.includes(text)) {
            const literal = text.replace(/"?\{[a-z_]+\}"?/g, "");
            if (literal.length >= MUCH_LITERAL || (literal.length >= FEWEST_LITERAL && text.indexOf("{") >= FEWEST_LITERAL / 2)) (apart ? others : templates).push(template(text.replace(/\.$/, ""), row.protocol, row, true));
          }
          continue;
        }
        put(exact, text.toLowerCase().replace(/\.+$/, ""), row);
        const status = /^[1-5][0-9]{2} (.+)$/.exec(text);
        if (status) put(exact, status[1].toLowerCase().replace(/\.+$/, ""), row);
        const dotted = row.texts.includes(text) && CLASS.exec(text);
        if (dotted) put(classes, text, row);
        if (dotted && COMPOUND.test(dotted[1]) && !everyday.has(dotted[1]) && (!builtins.has(dotted[1]) || text.startsWith("builtins."))) put(classes, dotted[1], row);
      }
    }
    byHead(templates);
    byHead(others);
    const heads = templates.filter((one) => one.head.length >= FEWEST_OF_CUT);
    return {
      raised: (name) => classes.get(name) ?? classes.get(name.replaceAll("$", ".")),
      find: (text, shown) => {
        if (!TELLING.test(text)) return null;
        const folded = text.toLowerCase();
        for (const [exact, some] of shown ? [[claimed, templates], [common, others]] : [[claimed, templates]]) {
          const row = exact.get(folded);
          if (row) return { row, values: {} };
          for (const one of some) { const values = reading(one, text, folded); if (values) return { row: one.row, values }; }
        }
        const cut = CUT.exec(folded);
        if (!cut) return null;
        const rows = new Set(heads.filter((one) => cut[1].startsWith(one.head)).map((one) => one.row));
        return rows.size === 1 ? { row: [...rows][0], values: {} } : null;
      },
    };
  })();

  // ------------------------------------------------------------------------------------------------------------- Forms

  const native = (pattern) => pattern.replaceAll("(?P<", "(?<");
  const some = (patterns, flags) => new RegExp(Object.values(patterns).map((one) => `(?:${native(one)})`).join("|") || "(?!)", flags);
  const named = (patterns) => new RegExp(Object.entries(patterns).map(([name, one]) => `(?<${name}>${native(one)})`).join("|") || "(?!)", "sy");
  const given = data.forms, markup = given.markup, listed = new Set(given.everyday.names);
  // Python's inline flag for one group is not known to all browsers.
  const telling = new RegExp(Object.values(given.telling).map((one) => native(one.replace("(?i:", "(?:"))).join("|"), "i");
  const frame = named(given.frames), stamp = named(Object.fromEntries(given.stamps.frames.map((name) => [name, given.frames[name]])));
  const margin = named(Object.fromEntries(given.margins.frames.map((name) => [name, given.frames[name]])));
  const protocolOf = Object.fromEntries(Object.entries(given.protocols).flatMap(([name, frames]) => frames.map((one) => [one, name])));
  const tail = new RegExp(`(?:${Object.values(given.tails).map(native).join("|")})$`, "s");
  const skipped = new RegExp(`^(?:${some(given.skipped, "s").source})`, "s"), way = some(given.ways, "g"), unknown = some(given.unknown, "s"), quiet = some(given.quiet, "s"), spaced = some(given.spaced ?? {}, "s");
  const part = (pattern) => native(pattern.replace(/%([a-z]+)%/g, (_, name) => given.parts[name]));
  const forms = given.forms.map((form) => ({
    ...form, rows: form.rows ?? [], last: form.last ?? [],
    pattern: new RegExp(form.search ? part(form.pattern) : `^(?:${part(form.pattern)})$`, "s"),
  }));
  const censored = some(given.censored ?? {}, "g"), hidden = some(given.hidden ?? {}, "g"), PART_OF_NAME = /[A-Za-z0-9*.@_/-]/;
  const begins = new RegExp(markup.begins), errors = new RegExp(markup.errors), entities = new RegExp(markup.escaped), marks = new RegExp(markup.entities);
  const sticky = (pattern, text, at) => { pattern.lastIndex = at; return pattern.exec(text); };
  function* beginnings(line) {
    let at = 0, protocol = null;
    yield [at, protocol];
    for (let count = 0; count < MOST_FRAMES; count++) {
      const found = sticky(frame, line, at);
      if (!found || !found[0] || at + found[0].length >= line.length) return;
      at += found[0].length;
      protocol = protocolOf[Object.keys(found.groups).find((name) => found.groups[name] !== undefined)] ?? protocol;
      yield [at, protocol];
    }
  }
  const unstamped = (line) => {
    let at = 0, found;
    while (!["", " ", "\t"].includes(line.charAt(at)) && (found = sticky(stamp, line, at)) && found[0]) at += found[0].length;
    return at ? line.slice(line.slice(0, at).trimEnd().length + 1) : line;
  };

  // ----------------------------------------------------------------------------------------------------------- Passage

  const RAISED = /^((?:[A-Za-z_][A-Za-z0-9_]{0,80}(?:\.|\$|::)){0,10}[A-Z][A-Za-z0-9_]{0,80})(?: ?: *(.*)|\((.*?),?\)?)?$/s;
  const NESTED = /^(?:[a-z][A-Za-z0-9_]{0,40}[.$]){1,10}[A-Z][A-Za-z0-9_]{0,80}(?:Exception|Error)(?::|$)/;
  const OF_ERRORS = /Error|Exception|Failure|Timeout|Fault|Cancelled|Closed|Servers|Connection|Unavailable/;
  const QUOTED = /"((?:[^"\\]|\\.){4,200})"|(?<![A-Za-z])'([^']{4,200})'|`([^`]{4,200})`|(?<![A-Za-z0-9_.>*])\*{1,3}([^* ][^*]{3,199})\*{1,3}(?![A-Za-z0-9_.*])|(?<![A-Za-z0-9_])_{1,2}([^_ \n].{3,199}?)_{1,2}(?![A-Za-z0-9_])|~~([^~]{4,200})~~/g;
  const inQuotes = (found) => found.slice(1).find((one) => one !== undefined);
  const PAIR = /(?:^|[ \t{,])([A-Za-z_.]{2,30})=(?:"((?:[^"\\]|\\.){1,4000})"?|([^ "]{2,200}))/g;
  const document_ = (text) => { try { const read = JSON.parse(text.slice(0, text.lastIndexOf("}") + 1)); return read && typeof read === "object" && !Array.isArray(read) ? read : null; } catch { return null; } };
  const unescaped = (text) => text.replaceAll('\\"', '"').replaceAll("\\n", "\n").replaceAll("\\\\", "\\");
  const spelled = (value, spelling) => spelling === ":-" ? value.replace(/([a-z])(?=[A-Z])/g, "$1-").replace(/[_ ]/g, "-").toLowerCase() : spelling ? value.replaceAll(" ", "_") : value;
  const filled = (place, groups) => {
    let missing = false;
    const code = place.replace(/\{([a-z]+)(:[_-])?\}/g, (_, name, spelling) => { if (groups[name] === undefined) missing = true; return spelled(groups[name] ?? "", spelling); });
    return missing ? null : code;
  };
  const split = (place) => { const [protocol, section, ...code] = place.split("/"); return [protocol, section, code.join("/")]; };
  function* trimmed(text) {
    yield text;
    for (let count = 0; count < MOST_TRIMS; count++) {
      let shorter = text.trim();
      const from = Math.max(1, shorter.length - LONGEST_TAIL), cut = tail.exec(shorter.slice(from));
      if (shorter.length > 1 && QUOTES[shorter[0]] === shorter.at(-1)) shorter = shorter.slice(1, -1);
      else if (cut) shorter = shorter.slice(0, from + cut.index);
      if (shorter === text) return;
      yield text = shorter;
    }
  }
  const passage = (line, shown) => {
    const folded = line.toLowerCase(), fitting = forms.filter((form) => form.has.some((word) => folded.includes(word)));
    const searching = fitting.filter((form) => form.search && !form.early);
    let relevant = fitting.filter((form) => form.early || !form.search);
    let mine = names(null), failed = new Set(), nothing = new Set(), left = MOST_LOOKUPS, how = "whole";
    const known = (text, depth) => {
      if (nothing.has(text)) return null;
      const hit = lookedUp(text, depth) ?? raised(text, depth) ?? structured(text, depth);
      if (!hit) nothing.add(text);
      return hit;
    };
    const readOn = (text, depth) => {
      const hit = known(text, depth);
      if (hit) return hit;
      const found = ways(text, depth);
      if (found) how = "inside";
      return found?.hit ?? null;
    };
    const lookedUp = (text, depth) => {
      for (const candidate of trimmed(text)) {
        if (left <= 0 || failed.has(candidate)) return null;
        left -= 1;
        failed.add(candidate);
        const small = candidate.toLowerCase();
        for (const form of relevant) {
          if (!form.has.some((word) => small.includes(word))) continue;
          const hit = byForm(form, candidate, depth);
          if (hit) return hit;
        }
        const hit = mine.find(candidate, shown);
        if (hit) return refined({ ...hit, said: candidate }, depth);
      }
      return null;
    };
    const refined = (hit, depth) => {
      const said = hit.values?.text;
      if (!said || depth >= DEEPEST || !(hit.row.flags & REFINED) || judged(hit).reason !== hit.row.judged[0]) return hit;
      const inner = readOn(said, depth + 1);
      if (inner) how = "inside";
      return inner ?? hit;
    };
    const byForm = (form, text, depth) => {
      const found = form.pattern.exec(text);
      if (!found) return null;
      const groups = found.groups ?? {};
      for (const place of form.rows) {
        const [protocol, section, code] = split(place), said = filled(code, groups);
        for (const candidate of trimmed(said ?? "")) {
          const hit = candidate && inTable(protocol, section, candidate);
          if (!hit) continue;
          if (found[0].length < text.length) how = "inside";
          const family = (form.family ?? []).map((one) => { const [, name, kind] = split(one); return [name, filled(kind, groups)]; }).filter(([, kind]) => kind !== null);
          return refined({ ...hit, said: groups.text || text, family, closed: form.closed }, depth);
        }
      }
      if (groups.inner && groups.inner !== text && depth < DEEPEST) { const hit = readOn(groups.inner, depth + 1); if (hit) return hit; }
      const row = groups.class && mine.raised(groups.class);
      if (row) return { row, values: {} };
      for (const place of form.last) { const hit = inTable(...split(place)); if (hit) return { ...hit, said: text }; }
      return null;
    };
    const raised = (text, depth) => {
      text = text.replace(/[,;]+$/, "");
      const found = RAISED.exec(text.length > 1 && QUOTES[text[0]] === text.at(-1) ? text.slice(1, -1) : text);
      if (!found || depth >= DEEPEST) return null;
      const words = (found[2] ?? "").trim(), said = words && (lookedUp(words, depth + 1) ?? (NESTED.test(words) ? raised(words, depth + 1) : null));
      if (said) return said;
      const row = mine.raised(found[1]), little = row && (row.flags & WRAPS || (words && !found[1].includes(".") && row.flags & SAYS_LITTLE));
      if (row && !little) return { row, values: {} };
      const inner = words || (found[3] ?? "");
      if (!inner) return row ? { row, values: {} } : null;
      const hit = OF_ERRORS.test(found[1]) ? readOn(inner, depth + 1) : null;
      return hit ?? (row && found[1].includes(".") && !(row.flags & SAYS_LITTLE) ? { row, values: {} } : null);
    };
    const structured = (text, depth) => {
      if (depth >= DEEPEST) return null;
      const at = text.indexOf('{"'), read = at >= 0 ? document_(text.slice(at)) : null;
      const hit = read ? ofDocument(read, depth) : text.includes("=") ? ofPairs(text, depth) : null;
      if (hit && how === "whole") how = "framed";
      return hit;
    };
    const ofDocument = (read, depth) => {
      for (const value of values(read, 0)) { const hit = ofLines(value, depth + 1); if (hit) return hit; }
      return null;
    };
    const ofPairs = (text, depth) => {
      const pairs = {};
      for (const [, name, quoted, plain] of text.matchAll(PAIR)) pairs[name] = quoted ? unescaped(quoted) : plain;
      for (const field of given.fields.names) { const hit = pairs[field] !== undefined && ofLines(pairs[field], depth + 1); if (hit) return hit; }
      return null;
    };
    const ofLines = (text, depth) => {
      for (const one of text.split(/\r?\n/).slice(0, 32)) for (const [at] of beginnings(one)) { const hit = readOn(one.slice(at).trim(), depth); if (hit) return hit; }
      return null;
    };
    function* values(read, depth) {
      for (const field of given.fields.names) {
        const value = Object.hasOwn(read, field) ? read[field] : null;
        if (typeof value === "string") yield value;
        else if (Array.isArray(value) && depth < DEEPEST) for (const one of value.slice(0, MOST_RAISED)) { if (one && typeof one === "object" && !Array.isArray(one)) yield* ofRaised(one, depth + 1); }
        else if (value && typeof value === "object" && !Array.isArray(value) && depth < DEEPEST) yield* values(value, depth + 1);
      }
    }
    // An exception as structlog writes it: its class and its text are two fields.
    function* ofRaised(read, depth) {
      if (typeof read.exc_type === "string" && typeof read.exc_value === "string") yield read.exc_value ? `${read.exc_type}: ${read.exc_value}` : read.exc_type;
      else yield* values(read, depth);
    }
    const ways = (text, depth) => {
      if (depth >= DEEPEST) return null;
      let count = 0;
      for (const found of text.matchAll(way)) {
        if (count++ >= MOST_WAYS) break;
        const start = found.index + found[0].length, hit = known(text.slice(start), depth + 1);
        if (hit) return { start, end: text.length, hit };
      }
      count = 0;
      for (const found of text.matchAll(QUOTED)) {
        if (count++ >= MOST_WAYS) break;
        const hit = lookedUp(inQuotes(found), depth + 1);
        if (hit) return { start: found.index, end: found.index + found[0].length, hit };
      }
      count = 0;
      for (const found of text.matchAll(QUOTED)) {
        if (count++ >= MOST_WAYS) break;
        const further = ways(inQuotes(found), depth + 1);
        if (further) return { start: found.index, end: found.index + found[0].length, hit: further.hit };
      }
      return null;
    };
    return {
      under: (protocol) => { mine = names(protocol); failed = new Set(); nothing = new Set(); },
      search: () => { relevant = [...relevant, ...searching]; failed = new Set(); nothing = new Set(); return searching.length > 0; },
      whole: (text) => { const hit = known(text, 0); return hit && { start: 0, end: text.length, how, ...hit }; },
      within: (text) => { const found = ways(text, 0); return found && { start: found.start, end: found.end, how: "inside", ...found.hit }; },
    };
  };

  // ---------------------------------------------------------------------------------------------------------- Elements

  const TAG = /<(\/?)([A-Za-z_][\w.:-]{0,63})((?:[^<>"']|"[^"<]*"|'[^'<]*')*)>/g;
  const ATTRIBUTE = /([A-Za-z_][\w.:-]{0,63})=\\?(?:"([^"]*?)\\?"|'([^']*?)\\?')/g;
  const holdsError = (text) => text.includes("<") && errors.test(text);
  const unescapedElements = (text) => {
    const elementAt = text.includes("&") ? text.search(entities) : -1;
    const escapedAt = elementAt >= 0 || !text.includes("&") || text.includes("<") ? elementAt : text.search(marks);
    if (escapedAt < 0 || begins.test(text.slice(0, escapedAt))) return text;
    return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&apos;", "'").replaceAll("&#39;", "'")
      .replaceAll("&#x27;", "'").replaceAll("&#34;", '"').replaceAll("&nbsp;", " ").replaceAll("&amp;", "&");
  };
  const ends = (text, start) => {
    let depth = 0, count = 0;
    for (const tag of text.slice(start, start + LONGEST_ELEMENT).matchAll(TAG)) {
      if (count++ >= MOST_TAGS) return null;
      depth += tag[1] ? -1 : tag[3].endsWith("/") ? 0 : 1;
      if (depth <= 0) return start + tag.index + tag[0].length;
    }
    return null;
  };
  // A namespace prefix that a fragment uses is declared, as the adapter does.
  const wellFormed = (text) => !new DOMParser().parseFromString(`<stream:stream xmlns:stream="s">${text}</stream:stream>`, "text/xml").querySelector("parsererror");
  // What an intact element is whose condition no table has.
  const lacking = (text) => {
    if (/<stream:error[ \/>]/.test(text)) return inTable("xmpp", "stream", "undefined-condition");
    if (/<failure [^<>]*xmlns=["']urn:ietf:params:xml:ns:xmpp-sasl["']/.test(text)) return inTable("xmpp", "sasl", "not-authorized");
    return /<(?:iq|message|presence)[^<>]*type=["']error["']/.test(text) ? inTable("xmpp", "stanza", "undefined-condition") : null;
  };
  const ofElement = (text, cut) => {
    const around = [];
    let first = null, app = null, count = 0, code = null, kind = null, ended = null;
    for (const tag of text.slice(0, LONGEST_ELEMENT).matchAll(TAG)) {
      if (count++ >= MOST_TAGS) break;
      if (tag[1]) { around.pop(); continue; }
      const attributes = Object.fromEntries([...tag[3].matchAll(ATTRIBUTE)].map(([, name, double, single]) => [name, double ?? single])), name = tag[2];
      const space = (attributes.xmlns ?? "").replace(/\s+/g, "") || (around.at(-1)?.space ?? ""), parent = around.at(-1)?.name, has = (name) => around.some((one) => one.name === name);
      if (name === "error" && attributes.code) code ??= attributes.code;
      if (name === "error") kind ??= attributes.type;
      if (name === "body" && (attributes.type ?? "").startsWith("termin")) first ??= inTable("xmpp", "bosh", attributes.condition ?? "terminate") ?? inTable("xmpp", "stream", attributes.condition ?? "");
      if (name === "close" && space.endsWith(":xmpp-framing")) first ??= inTable("xmpp", "websocket", "see-other-uri" in attributes ? "see-other-uri" : "close");
      if (name === "failure" && space.endsWith(":xmpp-tls")) first ??= inTable("xmpp", "starttls", "failure");
      const place = markup.namespaces[space] ?? markup.parents[parent];
      if (has("error") || has("stream:error") || has("failure") || has("failed")) app ??= inTable("xmpp", "app", `${space} ${name}`) && [["app", `${space} ${name}`]];
      if (place && name !== "text") {
        const [protocol, section] = place.split("/");
        if (section === "stanza" && has("failed")) first ??= inTable(protocol, "sm", name);
        if (parent === "stream:error") ended ??= inTable(protocol, section, name);
        first ??= inTable(protocol, section, name);
      }
      if (!tag[3].endsWith("/")) around.push({ name, space });
    }
    // Only an element that is intact says something by what it lacks, and an error of the stream counts before what it contains.
    const intact = !cut && wellFormed(text);
    let hit = (intact ? ended : null) ?? first;
    if (!hit && intact) hit = (code ? inTable("xmpp", "legacy", code) : null) ?? lacking(text);
    return hit && { ...hit, family: kind && hit.row.section === "stanza" ? [["type", kind]] : [], details: app ?? [] };
  };

  // -------------------------------------------------------------------------------------------------------------- Text

  const HEAD = "Traceback (most recent call last)";
  const CAUSE = "The above exception was the direct cause of the following exception", CONTEXT = "During handling of the above exception, another exception occurred";
  const MARGIN = /^ *(?:\| ?|\+ Exception Group |\+-.*)/;
  const stampedAt = (line) => line.length - unstamped(line).length;
  const BOLD = /\*\*([^*]{1,200})\*\*|(?<![A-Za-z0-9_])__([^_ ].{0,199}?)__(?![A-Za-z0-9_])/g;
  const uncensored = (line) => line.replace(censored, (name) => name.replaceAll(" ", "_"));
  const guessed = (line) => [
    line.replace(hidden, (word, at) => PART_OF_NAME.test(line.slice(Math.max(0, at - 1), at) + line.charAt(at + word.length)) ? word : "0".repeat(word.length)),
    line.replace(hidden, (word) => "<[".includes(word[0]) ? `"${word.slice(1, -1)}"` : word),
  ].filter((one) => one !== line);
  const readLine = (given_, around) => {
    const line = uncensored(given_.slice(0, LONGEST_LINE).trimEnd()), hit = readAsIs(line, around);
    if (hit) return hit;
    for (const one of guessed(line)) { const other = readAsIs(one, around); if (other) return other; }
    const plain = line.replace(BOLD, "$1$2"), bold = plain !== line && readAsIs(plain, around);
    return bold ? { ...bold, start: 0, end: line.length, how: "inside" } : null;
  };
  const readAsIs = (line, around) => {
    const shown = around || telling.test(line.slice(stampedAt(line)));
    const exact = /\s/.test(line.trim()) && letterByLetter(line.trim());
    if (exact && (shown || tables[exact.protocol].underlies || !isEveryday(line.trim()))) return { row: exact, values: {}, said: line, start: 0, end: line.length, how: "whole" };
    const part_ = passage(line, shown), places_ = [...beginnings(line)];
    const hit = wholly(part_, line, places_) ?? (part_.search() ? wholly(part_, line, places_) : null);
    if (hit) return hit;
    // Marks before the rest of a line may begin a quotation in it.
    const at = line.slice(0, places_.at(-1)[0]).replace(/[*_~`]+$/, "").length, found = part_.within(line.slice(at));
    return found && { ...found, start: at + found.start, end: at + found.end };
  };
  const wholly = (part_, line, places_) => {
    let before = null;
    part_.under(before);
    for (const [at, protocol] of places_) {
      if (protocol !== before) { part_.under(protocol); before = protocol; }
      const hit = part_.whole(line.slice(at));
      if (hit) return { ...hit, start: at, end: line.length, how: at && hit.how === "whole" ? "framed" : hit.how };
    }
    return null;
  };
  const element = (lines, first) => {
    let last = first + 1;
    while (last < lines.length && last - first < MOST_GATHERED && unstamped(lines[last]) === lines[last]) last += 1;
    const text = lines.slice(first, last).join("\n"), opened = text.search(begins), start = opened >= 0 ? opened : text.search(errors);
    if (start < 0 || start > lines[first].length) return [first + 1, null];
    const end = ends(text, start), piece = text.slice(start, end ?? text.length);
    if (!holdsError(piece)) return [first + 1, null];
    const hit = ofElement(piece, end === null), framed = [...beginnings(lines[first])].some(([at]) => at === start);
    const how = end === null ? "inside" : start === 0 ? "whole" : framed ? "framed" : "inside";
    return [first + piece.split("\n").length, hit && { ...hit, start, end: Math.min(lines[first].length, start + piece.length), how }];
  };
  const chains = (lines, first) => {
    if (!lines[first].includes(HEAD)) return null;
    const raised = [];
    let waiting = true, last = first + 1;
    for (let at = first + 1; at < Math.min(lines.length, first + 2000); at++) {
      const line = unstamped(lines[at]).replace(MARGIN, ""), said = line.trim();
      if (line.includes(HEAD)) waiting = true;
      else if (raised.length && (said.startsWith(CAUSE) || said.startsWith(CONTEXT))) raised.at(-1).link = said.startsWith(CAUSE) ? "cause" : "context";
      else if (waiting && said && !/^(?: |\t|File "|[\u2502\u256d\u2570\u250c\u2514])/.test(line)) { raised.push({ line: at, link: "" }); waiting = false; }
      else if (said && !waiting) break;
      last = at + 1;
    }
    if (!raised.length) return null;
    const grouped = [[]];
    for (const one of raised) { grouped.at(-1).push(one); if (!one.link) grouped.push([]); }
    return { last, chains: grouped.filter((chain) => chain.length) };
  };
  const ofChain = (chain, lines, shown) => {
    let wrapper = null;
    for (let at = chain.length - 1; at >= 0; at--) {
      if (at < chain.length - 1 && chain[at].link !== "cause" && !wrapper) break;
      const hit = readLine(lines[chain[at].line].replace(/^ +\| /, ""), shown);
      const cut = hit && chain.at(-1).link && data.reasons[hit.row.judged[0]] === "shutdown.client"; // the exception that followed was cut off
      if (hit && !cut) { const found = { ...hit, line: chain[at].line + 1 }; if (!(hit.row.flags & WRAPS)) return found; wrapper ??= found; }
    }
    return wrapper;
  };
  const goesOn = (line, shown) => line.trim() && unstamped(line) === line && !skipped.test(line) && !holdsError(line) && !readLine(line, shown);
  // An exception together with the first line of its stack that shows whose code failed.
  const placed = (lines, first, shown) => {
    for (const line of lines.slice(first + 1, first + MOST_JOINED)) {
      const place = unstamped(line);
      if (!skipped.test(place)) return null;
      if (place.trimStart().startsWith("at ") && telling.test(place)) return readLine(`${lines[first].trimEnd()} ${place.trim()}`, shown);
    }
    return null;
  };
  const joined = (lines, first, shown) => {
    const parts = [lines[first].trimEnd()], marked = unknown.test(lines[first]), apart = spaced.test(lines[first]);
    const hit = marked && placed(lines, first, shown);
    if (hit) return [first + 1, { ...hit, line: first + 1 }];
    for (let last = first + 1; last < Math.min(lines.length, first + MOST_JOINED); last++) {
      if (apart && !lines[last].trim()) continue;
      if (!(marked || /^\s/.test(lines[last])) || !goesOn(lines[last], shown)) break;
      parts.push(lines[last].trim());
      for (const glue of [" ", ""]) { const hit = readLine(parts.join(glue), shown); if (hit) return [last + 1, { ...hit, line: first + 1 }]; }
    }
    return [first + 1, null];
  };
  const unfolded = (lines, first, shown) => {
    let text = lines[first].slice(0, -1), last = first + 1;
    while (last < Math.min(lines.length, first + MOST_JOINED) && goesOn(lines[last], shown)) {
      const further = lines[last].replace(/\\$/, ""), apart = /\s$/.test(text) || /^\s/.test(further);
      text = text.trimEnd() + (apart ? " " : "") + further.trimStart();
      last += 1;
      if (further === lines[last - 1]) break;
    }
    const hit = last > first + 1 && readLine(text, shown);
    return hit ? [last, { ...hit, line: first + 1 }] : null;
  };
  const block = (lines, first, shown) => {
    const traced = chains(lines, first);
    if (traced) return [traced.last, traced.chains.map((chain) => ofChain(chain, lines, shown)).filter(Boolean)];
    if (skipped.test(lines[first])) return [first + 1, []];
    if (holdsError(lines.slice(first, first + MOST_JOINED).join("\n"))) {
      const [taken, hit] = element(lines, first);
      if (hit) return [taken, [{ ...hit, line: first + 1 }]];
    }
    const whole = lines[first].endsWith("\\") && unfolded(lines, first, shown);
    if (whole) return [whole[0], [whole[1]]];
    const hit = readLine(lines[first], shown);
    if (hit) return [first + 1, [{ ...hit, line: first + 1 }]];
    const [taken, found] = joined(lines, first, shown);
    return [taken, found ? [found] : []];
  };
  // What stands before each line because of the way in which somebody shows the text: see errnorm.finding.margin.
  const MARKS = { '"': '"', "'": "'", "\u201c": "\u201d" };
  const says = (line) => /[^ \t>|]/.test(line);
  const cutBare = (one, widths) => one.lines.every((line, at) => !says(line) || widths[at])
    ? { lines: one.lines.map((line, at) => line.slice(widths[at])), widths: one.widths.map((width, at) => width + widths[at]) } : one;
  const opened = (text) => {
    const lines = text.split("\n"), widths = lines.map(() => 0), whole = text.trim(), shut = MARKS[whole[0]];
    if (!shut || whole.at(-1) !== shut || text.split(shut).length - 1 > 1 + (whole[0] === shut)) return { lines, widths };
    const first = lines.findIndex((line) => line.trim()), last = lines.findLastIndex((line) => line.trim());
    lines[last] = lines[last].trimEnd().slice(0, -1);
    const width = lines[first].length - lines[first].trimStart().length + 1;
    lines[first] = lines[first].slice(width);
    widths[first] = width;
    return { lines, widths };
  };
  const unquoted = (one) => {
    const said = one.lines.filter(says);
    const same = said.reduce((before, line) => { let at = 0; while (at < before.length && before[at] === line[at]) at += 1; return before.slice(0, at); });
    const width = /^[ \t]*(?:[>|][ \t]?)*[ \t]*/.exec(same)[0].length;
    return cutBare(one, one.lines.map(() => width));
  };
  const decodedLine = (line) => {
    let read = null;
    try { read = line.startsWith("{") ? JSON.parse(line) : null; } catch { return null; }
    const field = read && given.margins.fields.find((name) => typeof read[name] === "string");
    const said = field ? read[field].replace(/\n+$/, "") : null;
    return said === null || said.includes("\n") ? null : said.replace(/[\r\n]+$/, "");
  };
  const decodedLines = (one) => {
    const lines = one.lines.map((line) => says(line) ? decodedLine(line) : line);
    return lines.includes(null) ? null : { lines, widths: lines.map(() => 0) };
  };
  const marginOf = (line) => { margin.lastIndex = 0; const found = margin.exec(`${line} `); return found ? Math.min(found[0].length, line.length) : 0; };
  const bareLines = (text) => {
    let one = opened(text);
    const several = one.lines.filter(says).length > 1;
    if (several) one = unquoted(one);
    return decodedLines(one) ?? (several ? cutBare(one, one.lines.map(marginOf)) : one);
  };
  /** Find the errors in a text: rows, where they stand, how they are known, and the values in them. */
  const find = (raw) => {
    const text = raw.slice(0, LONGEST_TEXT).replaceAll("\u240d\u240a", "\n").replace(/\r\n?/g, "\n").replace(/\x1b\[[0-9;]{0,16}[A-Za-z]|(?:\u2190|\u241b|\^\[|#033)\[[0-9;]{0,16}m/g, "");
    const shownAs = bareLines(text), lines = unescapedElements(shownAs.lines.join("\n")).split("\n").slice(0, MOST_LINES), found = [];
    const shown = telling.test(shownAs.lines.join("\n"));
    for (let at = 0; at < lines.length;) { const [taken, some] = block(lines, at, shown); found.push(...some); at = taken; }
    const judgements = found.map((one) => ({ ...one, start: one.start + shownAs.widths[one.line - 1], end: one.end + shownAs.widths[one.line - 1], judged: judged(one) })), alarming = judgements.filter((one) => one.judged.reason !== NOTICE);
    // A sentence that does not say why something failed counts only if nothing else says it.
    const sentence = ({ row }) => given.sentences.sections.includes(`${row.protocol}/${row.section}`) || given.sentences.codes.includes(`${row.protocol}/${row.section}/${row.code}`);
    const explained = alarming.filter((one) => !sentence(one));
    return explained.length ? explained : alarming.length ? alarming : judgements.filter((one) => !quiet.test(lines[one.line - 1] ?? ""));
  };
  /** Find the rows that a single word or code names, in every section. */
  const named_ = (text) => Object.entries(tables).flatMap(([, table]) => Object.values(table.sections)
    .filter((section) => !section.inside).map((section) => matched(section, text) ?? coded(section, text)).filter(Boolean));
  return { find, named: named_, judged };
};
