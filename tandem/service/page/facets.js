// Values of keyword fields with how many have them; each narrows the search, and widens it again.

import { element } from "./hits.js";

const MOST_FACETS = 6;
const MOST_VALUES = 8;

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
  // On a phone they would push the hits away.
  const open = matchMedia("(min-width: 40.01rem)").matches ? { open: "" } : {};
  return element("details", open, element("summary", {}, field), element("ul", {}, ...rows));
}
