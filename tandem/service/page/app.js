// The page's state is its address: what is asked stands there, and everything follows from it.

import { Problem, keep, search } from "./api.js";
import { condition, drawFacets } from "./facets.js";
import { column, element, placed } from "./hits.js";

const K = 10;
// Candidates of kNN, beyond which there are no pages.
const DEPTH = 100;
// Passages that one document unfolds to.
const MOST_OTHERS = 1000;
const MODES = ["hybrid", "knn", "bm25"];
// Percent of meaning that the slider shows until an answer tells how it was weighed.
const BALANCE = 70;
const $ = (id) => document.getElementById(id);
// So long a pause in typing asks.
const PAUSE = 250;
let underWay = null;
let pause = null;
// Whether the address is of words still being typed, which the next ones replace in the history.
let typing = false;

function read() {
  const said = new URLSearchParams(location.search);
  const weight = said.get("weight") === null ? Number.NaN : Number(said.get("weight"));
  return {
    q: said.get("q") ?? "",
    mode: [...MODES, "compare"].includes(said.get("mode")) ? said.get("mode") : "hybrid",
    page: Math.max(1, Number.parseInt(said.get("page"), 10) || 1),
    where: said.getAll("where"),
    // Where nobody said one, the index's own counts, as in every other search.
    weight: weight >= 0 && weight <= 100 ? weight : null,
    collapse: said.has("collapse"),
    index: said.get("index"),
  };
}

function go(changes, typed = false) {
  clearTimeout(pause);
  const next = { ...read(), q: $("q").value.trim(), page: 1, ...changes };
  const said = new URLSearchParams();
  if (next.q) said.set("q", next.q);
  if (next.mode !== "hybrid") said.set("mode", next.mode);
  if (next.page > 1) said.set("page", next.page);
  next.where.forEach((condition) => said.append("where", condition));
  if (next.weight !== null) said.set("weight", next.weight);
  if (next.collapse) said.set("collapse", "");
  if (next.index) said.set("index", next.index);
  history[typed && typing ? "replaceState" : "pushState"](null, "", `?${said}`);
  typing = typed;
  show();
}

function type() {
  clearTimeout(pause);
  pause = setTimeout(() => {
    if ($("q").value.trim() !== read().q) go({}, true);
  }, PAUSE);
}

function settle() {
  if ($("q").value.trim() !== read().q) return go({});
  clearTimeout(pause);
  typing = false;
  if (!$("trouble").hidden) show();
}

function narrow(wanted, on = true) {
  const others = read().where.filter((each) => each !== wanted);
  go({ where: on ? [...others, wanted] : others });
}

function question(state, mode, counting = false) {
  const from = (state.page - 1) * K;
  return {
    query: state.q,
    mode,
    // Side by side from the first hit on, for one of this page may be before it in another mode.
    ...(state.mode === "compare" ? { k: from + K } : { k: K, from }),
    where: state.where,
    collapse: state.collapse,
    explain: true,
    ...(counting ? { facets: ["*"], total: true } : {}),
    ...(mode === "hybrid" && state.weight !== null ? { weights: [(100 - state.weight) / 100, state.weight / 100] } : {}),
    ...(state.index ? { index: state.index } : {}),
  };
}

async function show() {
  const state = read();
  fill(state);
  underWay?.abort();
  $("trouble").hidden = true;
  if (!state.q) {
    clear();
    $("status").textContent = "";
    document.title = "Tandem search";
    $("weight").value = state.weight ?? BALANCE;
    return;
  }
  document.title = `${state.q} – Tandem search`;
  const mine = (underWay = new AbortController());
  const slow = setTimeout(() => { $("status").textContent = "Searching…"; }, 300);
  const modes = state.mode === "compare" ? MODES : [state.mode];
  try {
    const results = await Promise.all(modes.map((mode, n) => search(question(state, mode, n === 0), mine.signal)));
    if (mine === underWay) draw(state, modes, results);
  } catch (error) {
    if (mine === underWay && error.name !== "AbortError") trouble(error);
  } finally {
    clearTimeout(slow);
  }
}

function clear() {
  $("results").replaceChildren();
  $("facets").hidden = $("pages").hidden = true;
}

// The other passages of a hit's document, which the same question finds; field: that names documents.
async function others(state, mode, field, hit) {
  const where = [...state.where, condition(field, hit.document_id)];
  const k = Math.min(hit.others + 1, MOST_OTHERS);
  const found = await search({ ...question({ ...state, page: 1, where }, mode), collapse: false, k });
  return found.hits.filter((each) => each.id !== hit.id).slice(0, hit.others);
}

function fill(state) {
  if (!typing) $("q").value = state.q;
  document.querySelectorAll("#modes input").forEach((each) => { each.checked = each.value === state.mode; });
  if (state.weight !== null) $("weight").value = state.weight;
  $("balance").hidden = !["hybrid", "compare"].includes(state.mode);
  $("collapse").checked = state.collapse;
  $("chips").replaceChildren(...state.where.map((each) => element("li", {},
    element("button", { type: "button", "aria-label": `Remove filter ${each}`,
      onclick: () => narrow(each, false) }, `${each} ×`))));
}

function draw(state, modes, results) {
  const from = (state.page - 1) * K;
  const compared = modes.length > 1;
  const places = compared ? placed(modes, results, from + K) : null;
  const shown = results.map((each) => ({ ...each, hits: each.hits.slice(compared ? from : 0) }));
  $("results").replaceChildren(...modes.map((mode, n) => column(mode, shown[n], places,
    { narrow: (field, value) => narrow(condition(field, value)), others: (hit) => others(state, mode, results[n].document_id_field, hit) })));
  weigh(results);
  const { facets, total } = results[0];
  drawFacets($("facets"), facets ?? {}, state.where, narrow);
  const hits = Math.max(...shown.map((each) => each.hits.length));
  const notes = [...new Set(results.flatMap((each) => [each.partial, ...each.notes].filter(Boolean)))];
  const took = Math.max(...results.map((each) => each.took_ms));
  const last = from + hits;
  const all = `${total.exact ? "" : "about "}${total.value.toLocaleString("en")}`;
  const found = hits ? `Hits ${from + 1} to ${last} of ${all}, ${took} ms in the cluster.` : "No hits.";
  $("status").textContent = [found, ...notes].join(" ");
  $("pages").hidden = state.page === 1 && hits < K;
  $("page").textContent = `Page ${state.page}`;
  $("before").disabled = state.page === 1;
  $("after").disabled = hits < K || last >= total.value || (state.mode !== "bm25" && last >= DEPTH);
}

// The slider stands where the answer was weighed; a pipeline of the cluster does not tell.
function weigh(results) {
  const weights = results.find((each) => each.fusion)?.fusion.weights;
  if (weights) $("weight").value = (100 * weights.knn) / (weights.bm25 + weights.knn);
}

function trouble(error) {
  $("status").textContent = "";
  if (error instanceof Problem && error.status === 401) {
    $("locked").showModal();
    return;
  }
  const said = error instanceof Problem ? error.message : `This page failed: ${error.message}`;
  clear();
  $("trouble").replaceChildren(said, element("button", { type: "button", onclick: show }, "Try again"));
  $("trouble").hidden = false;
}

function keys(event) {
  if (event.target.closest("input, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  const hits = [...document.querySelectorAll(".hit")];
  const at = hits.indexOf(document.activeElement);
  if (event.key === "/") $("q").focus();
  else if (event.key === "j" && hits.length) hits[Math.min(at + 1, hits.length - 1)].focus();
  else if (event.key === "k" && hits.length) hits[Math.max(at - 1, 0)].focus();
  else return;
  event.preventDefault();
}

$("ask").addEventListener("submit", (event) => { event.preventDefault(); settle(); });
$("q").addEventListener("input", type);
$("narrow").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = $("condition").value.trim();
  $("condition").value = "";
  if (wanted) narrow(wanted);
});
$("modes").addEventListener("change", (event) => go({ mode: event.target.value }));
$("weight").addEventListener("change", () => go({ weight: Number($("weight").value) }));
$("collapse").addEventListener("change", () => go({ collapse: $("collapse").checked }));
$("before").addEventListener("click", () => go({ page: read().page - 1 }));
$("after").addEventListener("click", () => go({ page: read().page + 1 }));
$("locked").addEventListener("close", () => { keep($("key").value); $("key").value = ""; show(); });
addEventListener("popstate", () => { clearTimeout(pause); typing = false; show(); });
addEventListener("keydown", keys);
show();
