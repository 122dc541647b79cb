// Hits as elements. Texts of documents go in as text, never as markup.

const NAMES = { knn: "kNN", bm25: "BM25", hybrid: "Hybrid" };
// Fields that the page shows by themselves.
const SHOWN = new Set(["document_id", "position", "content_hash"]);
const MOST_FACTS = 8;
const LONGEST_FACT = 60;

export function element(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...inside.filter((each) => each !== null));
  return made;
}

// actions: narrow(field, value) and others(hit), the further passages of a hit's document.
export function column(mode, result, places, actions) {
  const whole = full(result);
  const list = element("ol", { class: "hits" }, ...result.hits.map((hit) => card(hit, mode, whole, places, actions)));
  return element("section", { class: "column", "aria-label": NAMES[mode] },
    places ? element("h2", {}, NAMES[mode]) : null, list);
}

function card(hit, mode, whole, places, actions) {
  const title = hit.title || hit.document_id || hit.id;
  const made = element("li", { class: "hit", tabindex: "0", "data-id": hit.id },
    element("h3", {}, element("span", { class: "rank" }, `${hit.rank}`),
      ...marked(title, hit)),
    element("p", { class: "text" }, ...marked(hit.text, hit)),
    places ? moved(hit, mode, places) : null,
    why(hit, mode, whole),
    facts(hit, actions.narrow),
    hit.others ? further(hit, actions) : null,
  );
  const unfold = () => made.classList.toggle("open");
  made.addEventListener("click", (event) => event.target.closest("button") || unfold());
  made.addEventListener("keydown", (event) => event.target === made && event.key === "Enter" && unfold());
  return made;
}

// The other passages of a document, fetched when they are asked for.
function further(hit, actions) {
  const list = element("ol", { class: "others" });
  const name = `${hit.others} more of this document`;
  const button = element("button", { type: "button", "aria-expanded": "false" }, name);
  button.addEventListener("click", async () => {
    const open = button.getAttribute("aria-expanded") === "false";
    button.setAttribute("aria-expanded", `${open}`);
    if (!open) return list.replaceChildren();
    const found = await actions.others(hit).catch((error) => error);
    if (found instanceof Error) list.replaceChildren(element("li", {}, found.message));
    else list.replaceChildren(...found.map((each) => element("li", {}, ...marked(each.text, each))));
  });
  return element("div", { class: "further" }, button, list);
}

// The whole passage, or the title, with the words that matched marked, as far as the cluster told them.
function marked(text, hit) {
  const fragments = Object.values(hit.explain?.highlights ?? {}).flat(2);
  const words = new Set(fragments.filter((part) => part.match).map((part) => part.text));
  if (!words.size) return [text];
  const escaped = [...words].map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const parts = text.split(new RegExp(`(?<![\\p{L}\\p{N}])(${escaped.join("|")})(?![\\p{L}\\p{N}])`, "u"));
  return parts.map((part) => (words.has(part) ? element("mark", {}, part) : part));
}

function why(hit, mode, whole) {
  const legs = hit.explain?.legs ?? {};
  const row = element("div", { class: "why" });
  if (mode === "hybrid") row.append(bar(legs, whole));
  for (const [name, leg] of Object.entries(legs)) {
    if (leg.rank === null) continue;
    const shown = leg.cosine ?? leg.score;
    const what = leg.cosine === null ? "score" : "cosine";
    row.append(element("span", {}, element("span", { class: `${name}-word` }, NAMES[name]),
      ` rank ${leg.rank}, ${what} ${Number(shown).toFixed(3)}`));
  }
  // Of one leg alone it is what the leg says.
  if (mode === "hybrid") row.append(element("span", {}, `score ${hit.score.toFixed(4)}`));
  return row;
}

function parted(legs) {
  return ["knn", "bm25"].map((name) => [name, (legs[name]?.normalised ?? 0) * (legs[name]?.weight ?? 0.5)]);
}

// The sum that fills a bar: reciprocal ranks are small, and standard scores have no bound.
function full({ fusion, hits }) {
  const sums = hits.map((hit) => parted(hit.explain?.legs ?? {}).reduce((sum, [, value]) => sum + value, 0));
  const { bm25, knn } = fusion?.weights ?? {};
  return fusion?.technique === "rrf" ? (bm25 + knn) / (fusion.rank_constant + 1) : Math.max(1, ...sums);
}

function bar(legs, whole) {
  const parts = parted(legs);
  const said = parts.map(([name, value]) => `${NAMES[name]} ${value.toFixed(3)}`).join(" + ");
  const made = element("span", { class: "bar", role: "img", "aria-label": `Sum: ${said}`, title: said });
  for (const [name, value] of parts) {
    const part = element("span", { class: name });
    part.style.width = `${Math.max(0, Math.min(1, value / whole)) * 100}%`;
    made.append(part);
  }
  return made;
}

// Which rank each mode gives to what it found, up to a last one. Of a document, modes may find
// different passages.
export function placed(modes, results, last) {
  const of = (hit) => `${hit.index ?? ""} ${(results[0].document_id_field && hit.document_id) || hit.id}`;
  const ranks = modes.map((mode, n) => [mode, new Map(results[n].hits.map((hit) => [of(hit), hit.rank]))]);
  return { of, last, ranks };
}

// Where the other modes have it, and by how many places it is higher or lower here.
function moved(hit, mode, places) {
  const said = places.ranks.filter(([other]) => other !== mode).map(([other, ranks]) => {
    const there = ranks.get(places.of(hit));
    const by = there === undefined ? 0 : there - hit.rank;
    const way = by > 0 ? "up" : "down";
    return element("span", {}, element("span", { class: `${other}-word` }, NAMES[other]), ` ${there ?? `>${places.last}`}`,
      by ? element("span", { class: way, role: "img", "aria-label": `${Math.abs(by)} ${way} from there` },
        ` ${by > 0 ? "▲" : "▼"}${Math.abs(by)}`) : null);
  });
  return element("div", { class: "why moved" }, ...said);
}

function facts(hit, narrow) {
  const row = element("div", { class: "facts" });
  for (const [name, value] of Object.entries(hit.source)) {
    if (SHOWN.has(name) || value === null || typeof value === "object") continue;
    const shown = `${value}`;
    if ([hit.text, hit.title, hit.document_id].includes(shown)) continue;
    if (shown.length > LONGEST_FACT || row.childElementCount >= MOST_FACTS) continue;
    row.append(element("button", { type: "button", onclick: () => narrow(name, shown),
      "aria-label": `Only ${name} ${shown}` }, `${name}: ${shown}`));
  }
  return row.childElementCount ? row : null;
}
