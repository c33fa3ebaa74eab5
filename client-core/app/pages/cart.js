// The sale being made: its lines, what is taken off and why, and carts that are set aside for a while.

import { api, askDiscount, button, byId, cents, decimal, el, get, grouped, kes, page, post, show, uuid, when } from "./api.js";

/** Lines: `{product (id, or null), name, price (cents), quantity, discount ({amount (cents), reason}, or null)}`. */
let lines = [];
/** What is taken off the whole, if anything: `{amount (cents), reason}`. */
let discount = null;
/** The sale last sent without an answer, and the key under which a retry is the same sale. */
let attempt = null;
let painted = () => {};

const full = (line) => line.price * line.quantity;
const price = (line) => full(line) - (line.discount?.amount ?? 0);
const sum = () => lines.reduce((all, line) => all + price(line), 0);

/** What the customer owes for what is in the cart, in cents. */
export const cartTotal = () => sum() - (discount?.amount ?? 0);

/** Wires the cart; `onPaint` hears the new total. */
export function cartSection(onPaint) {
  painted = onPaint;
  const off = button("Discount", takeOff, { class: "quiet", testid: "discount" });
  const park = button("Hold", hold, { class: "quiet", testid: "hold" });
  byId("cart-tools").replaceChildren(off, park);
}

export function addToCart(product, name, unitPrice) {
  location.hash = ""; // a sale that waits for its payment stays in the list of open sales
  const line = lines.find((each) => each.product === product && each.name === name && each.price === unitPrice && !each.discount);
  if (line) line.quantity += 1;
  else lines.push({ product, name, price: unitPrice, quantity: 1, discount: null });
  paintCart();
}

function changeQuantity(line, by) {
  line.quantity += by;
  // A discount was for what was in the cart then.
  if (line.discount && line.discount.amount >= full(line)) line.discount = null;
  lines = lines.filter((each) => each.quantity > 0);
  if (discount && discount.amount >= sum()) discount = null;
  paintCart();
}

export function paintCart() {
  const empty = !lines.length;
  show(byId("cart"), [lines, discount], () => empty ? el("li", { class: "hint" }, "Tap a product, or enter an amount.") : [
    ...lines.map(cartLine), discount && offLine(discount, "the whole sale", () => (discount = null), "drop-discount")].filter(Boolean));
  byId("cart-tools").hidden = empty;
  painted(cartTotal());
}

function cartLine(line, index) {
  const step = (text, by, label) => el("button", { type: "button", class: "step", testid: `${label}-${index}`,
    "aria-label": `${label} ${line.name}`, onclick: () => changeQuantity(line, by) }, text);
  return el("li", { class: "line" },
    el("span", {}, line.name, el("small", {}, `at ${grouped(decimal(line.price))}`)),
    step("−", -1, "less"), el("output", {}, line.quantity), step("+", 1, "more"),
    el("strong", { class: "number" }, grouped(decimal(full(line)))),
    line.discount && offLine(line.discount, line.name, () => (line.discount = null), `drop-discount-${index}`));
}

const offLine = (off, what, drop, testid) => el("p", { class: "off" },
  el("span", {}, `Off ${what}: ${off.reason}`), el("strong", { class: "number" }, `−${grouped(decimal(off.amount))}`),
  el("button", { type: "button", class: "step", testid, "aria-label": `No discount on ${what}`, onclick: () => {
    drop();
    paintCart();
  } }, "×"));

/** A discount on the whole, or on one line: an amount, or so many percent of what it costs. */
async function takeOff() {
  const made = await askDiscount([["", "The whole sale"], ...lines.map((line, index) => [String(index), line.name])]);
  if (!made) return;
  const line = lines[made.on];
  const base = made.on === "" ? sum() : full(line);
  const percent = made.typed.endsWith("%") && cents(made.typed.slice(0, -1).trim());
  const amount = percent ? Math.round((base * percent) / 10_000) : cents(made.typed);
  if (!amount || amount >= base) throw new Error(`A discount is an amount such as 50, or 10%, and less than ${kes(decimal(base))}.`);
  const off = { amount, reason: made.reason };
  if (made.on === "") discount = off;
  else line.discount = off;
  paintCart();
}

const asSent = (off) => off && { amount: decimal(off.amount), reason: off.reason };

/** The lines, as the API takes them. */
const sent = () => lines.map((line) => ({ product: line.product, name: line.name, quantity: String(line.quantity),
  unit_price: decimal(line.price), discount: asSent(line.discount) }));

/** Sells what is in the cart; the same cart sent again is the same sale. */
export async function sellCart(tender) {
  const sale = { lines: sent(), discount: asSent(discount), tender, order: null, by: page.by() };
  const text = JSON.stringify(sale);
  if (attempt?.text !== text) attempt = { text, key: uuid() };
  const made = await api("POST", "/v1/sales", sale, { "Idempotency-Key": attempt.key });
  attempt = null;
  clear();
  return made;
}

function clear() {
  lines = [];
  discount = null;
  paintCart();
}

// ---- Held carts -------------------------------------------------------------------------------

/** Sets the cart aside at this till: it is no sale, and waits also when the till is started anew. */
async function hold() {
  await post("/v1/parked", { cart: { lines: sent(), discount: asSent(discount) }, note: lines.map((line) => line.name).join(", ").slice(0, 60) });
  clear();
}

/** The carts that wait; one that is called up waits no more. */
export async function refreshHeld() {
  const { parked } = await get("/v1/parked");
  show(byId("held-carts"), parked, (carts) => carts.map((it) => button(
    [el("span", { class: "grow" }, it.note || "Held cart", el("small", {}, `${when(it.at)}, ${it.by}`)), el("strong", {}, "Recall")],
    () => recall(it.number), { class: "item", testid: `recall-${it.number}` })));
}

async function recall(number) {
  if (lines.length) await hold();
  const { cart } = await post(`/v1/parked/${number}/recall`);
  const read = (off) => off ? { amount: cents(off.amount), reason: off.reason } : null;
  lines = cart.lines.map((line) => ({ product: line.product ?? null, name: line.name ?? line.product, price: cents(line.unit_price), quantity: Number(line.quantity), discount: read(line.discount) }));
  discount = read(cart.discount);
  location.hash = "";
  paintCart();
}
