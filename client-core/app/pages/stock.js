// Stock on both pages: what is below zero, what there is of a product, and what came, went or was counted.

import { api, byName, el, onSubmit, page, show, uuid } from "./api.js";

/** What can be recorded: its name, where it is sent, and what is sent beside the goods. */
const MOVES = [
  ["Received", "received", {}],
  ["Sent to another place", "transferred", { direction: "out" }],
  ["Came from another place", "transferred", { direction: "in" }],
  ["Counted", "counted", {}],
];

/** By how much a level changed, in words. */
const changed = (level) => level.startsWith("-") ? `${level.slice(1)} fewer` : `${level} more`;

/** Fills a section; `about` gives the shop's id and its products. */
export function stockSection(root, about) {
  const product = el("select", { testid: "stock-product", "aria-label": "Product" });
  const move = el("select", { testid: "stock-move", "aria-label": "What happened" },
    MOVES.map(([name], index) => el("option", { value: index }, name)));
  const quantity = el("input", { testid: "stock-quantity", inputmode: "decimal", autocomplete: "off", required: true, placeholder: "Quantity", "aria-label": "Quantity" });
  const note = el("input", { testid: "stock-note", autocomplete: "off", maxlength: 80, placeholder: "Note: from, to, why", "aria-label": "Note" });
  const level = el("p", { class: "hint", role: "status", testid: "stock-level" });
  const below = el("ul", { class: "plain", testid: "stock-below" });
  const low = el("ul", { class: "plain", testid: "stock-low" });
  const form = el("form", { class: "stack" }, product, move,
    el("div", { class: "row" }, quantity, el("button", { testid: "stock-save" }, "Record")), note);
  root.replaceChildren(el("h2", {}, "Stock"), below, low, form, level);
  let rows = [];
  /** From when on this till knows everything, if it has not all of the history. */
  let since = null;
  /** What was last sent without an answer, and the key under which a retry is the same. */
  let attempt = null;

  function paintLevel() {
    const row = rows.find((each) => each.product === product.value);
    level.textContent = !product.value ? ""
      : row?.whole || !since ? `${row ? row.level : "0"} in stock, as far as is known.`
      : `${changed(row?.level ?? "0")} than on ${since.slice(0, 10)}. What there was then is not known here: count it, and it is.`;
  }
  product.addEventListener("change", paintLevel);

  onSubmit(form, async () => {
    const [, path, extra] = MOVES[move.value];
    const body = { shop: about().shop, goods: [{ product: product.value, quantity: quantity.value.trim() }], note: note.value, by: page.by(), ...extra };
    const text = path + JSON.stringify(body);
    if (attempt?.text !== text) attempt = { text, key: uuid() };
    await api("POST", `/v1/stock/${path}`, body, { "Idempotency-Key": attempt.key });
    attempt = null;
    quantity.value = note.value = "";
  });

  async function refresh() {
    const { shop, products } = about();
    root.hidden = !shop || !products.length;
    if (root.hidden) return;
    ({ stock: rows, since } = await api("GET", `/v1/stock?shop=${encodeURIComponent(shop)}`));
    const chosen = product.value;
    show(product, byName(products).map(({ id, name }) => [id, name]), (list) => list.map(([value, name]) => el("option", { value }, name)));
    if (chosen && products.some(({ id }) => id === chosen)) product.value = chosen;
    show(below, rows.filter((row) => row.below), (list) => list.map((row) =>
      el("li", { class: "warn", testid: `below-${row.product}` }, `${row.name}: ${row.level}. More was sold than was known to be there: count it.`)));
    show(low, rows.filter((row) => row.low && !row.below), (list) => list.map((row) =>
      el("li", { class: "warn", testid: `low-${row.product}` }, `${row.name}: ${row.level} left. Buy more.`)));
    paintLevel();
  }
  return { refresh };
}
