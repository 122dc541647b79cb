// Values of keyword fields with how many have them; each narrows the search, and widens it again.

import { element } from "./hits.js";

const MOST_FACETS = 6;
const MOST_VALUES = 8;
// What somebody closed stays so when the next answer is drawn.
const closed = new Set();

// On a phone what narrows a search would push the hits away: there it is folded, until it is asked
// for and again when the next answer comes.
const roomy = matchMedia("(min-width: 40.01rem)");

// In quotes where a bare value would mean something else: several values, a pattern, a range.
export function condition(field, value) {
  const plain = /^[\p{L}\p{N}_-]+( [\p{L}\p{N}_-]+)*$/u.test(value);
  return `${field}=${plain ? value : JSON.stringify(value)}`;
}

export function drawFacets(place, facets, where, change) {
  const chosen = new Set(where);
  // A field that is another one in every document, such as an address, narrows nothing well.
  const telling = ([field, { values }]) => values.some((each) => chosen.has(condition(field, each.value)))
    || (values.length > 1 && values[0].count > 1);
  place.replaceChildren(...Object.entries(facets).filter(telling).slice(0, MOST_FACETS)
    .map(([field, facet]) => group(field, facet, chosen, change)));
  place.hidden = !place.childElementCount;
}

function group(field, facet, chosen, change) {
  const about = facet.exact ? "" : "about ";
  const rows = facet.values.slice(0, MOST_VALUES).map(({ value, count }) => {
    const wanted = condition(field, value);
    const pressed = chosen.has(wanted);
    return element("li", {}, element("button",
      { type: "button", "aria-pressed": `${pressed}`, onclick: () => change(wanted, !pressed) },
      element("span", {}, value), element("span", { class: "count" }, `${about}${count.toLocaleString("en")}`)));
  });
  const made = element("details", {}, element("summary", {}, field), element("ul", {}, ...rows));
  made.open = roomy.matches && !closed.has(field);
  made.firstChild.addEventListener("click", () => {
    if (roomy.matches) closed[made.open ? "add" : "delete"](field);
  });
  return made;
}

// What narrows, open or folded as there is room: at the start, and when the window changes.
function fold() {
  document.querySelectorAll("#refine, #facets details").forEach((each) => { each.open = roomy.matches; });
}

roomy.addEventListener("change", fold);
fold();
