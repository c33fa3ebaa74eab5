// The sale being made: its lines, what is taken off and why, and carts that are set aside for a while.

import { api, askDiscount, button, byId, cents, decimal, el, get, grouped, kes, notify, page, post, show, uuid, when } from "./api.js";

/** Lines: `{product (id, or null), name, price (cents), quantity, discount (or null)}`; a discount is
 * `{amount (cents) or percent, reason}`. */
let lines = [];
/** What is taken off the whole, if anything. */
let discount = null;
/** What the till says that this costs, and what it was asked; null until it has said so. */
let priced = null;
let asked = null;
/** The sale last sent without an answer, and the key under which a retry is the same sale. */
let attempt = null;
let painted = () => {};

const full = (line) => line.price * line.quantity;
/** What the goods cost at least, before taxes on top: a bound for discounts, not for people. */
const sum = () => lines.reduce((all, line) => all + full(line) - (line.discount?.amount ?? 0), 0);

/** Wires the cart; `onPaint` hears what it costs: nothing while the till has not said so, null where it is empty. */
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
  if (line.discount?.amount >= full(line)) line.discount = null;
  lines = lines.filter((each) => each.quantity > 0);
  if (discount?.amount >= sum()) discount = null;
  paintCart();
}

/** Shows the cart, and what it costs as soon as the till has worked that out: as it will when it sells it. */
export function paintCart() {
  const cart = asSent();
  if (asked?.text !== JSON.stringify(cart)) priced = null;
  asked = lines.length ? { text: JSON.stringify(cart), answer: api("POST", "/v1/price", { ...cart, tender: "cash" }) } : null;
  paint();
  const turn = asked;
  turn?.answer.then((price) => {
    if (turn !== asked) return; // something was put into it meanwhile
    priced = price;
    paint();
  }, (error) => turn === asked && notify(error.message));
}

function paint() {
  const empty = !lines.length;
  const onTop = cents(priced?.tax_on_top ?? "0") > 0 && priced.tax_on_top;
  show(byId("cart"), [lines, discount, priced], () => empty ? el("li", { class: "hint" }, "Tap a product, or enter an amount.") : [
    ...lines.map(cartLine),
    onTop && el("li", { class: "off" }, el("span", {}, "Tax on top of these prices"), el("strong", { class: "number", testid: "tax-on-top" }, `+${grouped(onTop)}`)),
    discount && offLine(discount, priced?.discount, "the whole sale", () => (discount = null), "drop-discount")]);
  byId("cart-tools").hidden = empty;
  painted(empty ? null : priced ?? undefined);
}

/** What the cart costs, once the till has said so. */
export const cartPrice = async () => (await asked?.answer) ?? null;

function cartLine(line, index) {
  const step = (text, by, label) => el("button", { type: "button", class: "step", testid: `${label}-${index}`,
    "aria-label": `${label} ${line.name}`, onclick: () => changeQuantity(line, by) }, text);
  return el("li", { class: "line" },
    el("span", {}, line.name, el("small", {}, `at ${grouped(decimal(line.price))}`)),
    step("−", -1, "less"), el("output", {}, line.quantity), step("+", 1, "more"),
    el("strong", { class: "number" }, grouped(decimal(full(line)))),
    line.discount && offLine(line.discount, priced?.lines[index].discount, line.name, () => (line.discount = null), `drop-discount-${index}`));
}

/** What is taken off: how much that is, the till says. */
const offLine = (off, said, what, drop, testid) => el("p", { class: "off" },
  el("span", {}, `Off ${what}${off.percent ? ` (${off.percent}%)` : ""}: ${off.reason}`), el("strong", { class: "number" }, said ? `−${grouped(said.amount)}` : "…"),
  el("button", { type: "button", class: "step", testid, "aria-label": `No discount on ${what}`, onclick: () => {
    drop();
    paintCart();
  } }, "×"));

/** A discount on the whole, or on one line: an amount, or so many percent of what it costs. */
async function takeOff() {
  const made = await askDiscount([["", "The whole sale"], ...lines.map((line, index) => [String(index), line.name])]);
  if (!made) return;
  const line = lines[made.on]; // none where it is the whole sale
  const base = line ? full(line) : sum();
  const [, percent] = made.typed.match(/^(\d{1,2})\s*%$/) ?? [];
  const amount = percent ? null : cents(made.typed);
  if (!Number(percent) && !(amount > 0 && amount < base)) throw new Error(`A discount is an amount such as 50, or 10%, and less than ${kes(decimal(base))}.`);
  const off = { ...(percent ? { percent: Number(percent) } : { amount }), reason: made.reason };
  const take = (it) => {
    if (line) line.discount = it;
    else discount = it;
    paintCart();
  };
  const before = (line ? line.discount : discount) ?? null;
  take(off);
  await cartPrice().catch((error) => {
    take(before);
    throw error;
  });
}

const offAsSent = (off) => off && { ...off, ...(off.percent ? {} : { amount: decimal(off.amount) }) };

/** The cart, as the API takes it. */
const asSent = () => ({ lines: lines.map((line) => ({ product: line.product, name: line.name, quantity: String(line.quantity),
  unit_price: decimal(line.price), discount: offAsSent(line.discount) })), discount: offAsSent(discount) });

/** Sells what is in the cart; the same cart sent again is the same sale. */
export async function sellCart(tender) {
  const sale = { ...asSent(), tender, order: null, by: page.by() };
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
  await post("/v1/parked", { cart: asSent(), note: lines.map((line) => line.name).join(", ").slice(0, 60) });
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
  const read = (off) => off ? { ...off, ...(off.percent ? {} : { amount: cents(off.amount) }) } : null;
  lines = cart.lines.map((line) => ({ product: line.product ?? null, name: line.name ?? line.product, price: cents(line.unit_price), quantity: Number(line.quantity), discount: read(line.discount) }));
  discount = read(cart.discount);
  location.hash = "";
  paintCart();
}
