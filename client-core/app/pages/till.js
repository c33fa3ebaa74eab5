// The cashier's page. Selling never waits for a network: a sale is recorded first, then it gets paid.

import { act, button, byId, byName, cents, decimal, detailPanel, el, get, grouped, heldText, kes, kesOf, live, notify, onSubmit, page, paintPill, paymentLink, picture, post,
  saleLink, salePath, show, stateText, trouble, when, wireHeader } from "./api.js";
import { addToCart, cartPrice, cartSection, paintCart, refreshHeld, sellCart } from "./cart.js";
import { connectionSection } from "./connection.js";
import { licenceText, licenceWarns } from "./licence.js";
import { sameTotal } from "./match.js";
import { tellChange } from "./settle.js";
import { giveBack, shiftSection } from "./shift.js";
import { stageText } from "./stages.js";
import { stockSection } from "./stock.js";

/** After so long without an answer a customer may be asked again. */
const PROMPT_LIFE_SECONDS = 600;
/** From so many products on, finding beats scrolling. */
const MANY_PRODUCTS = 12;

let shop = null;
let me = null;
let products = [];
let openSales = [];

// ---- Shelf --------------------------------------------------------------------------------------

const sold = () => products.filter((product) => product.sold);

function paintProducts() {
  const wanted = byId("filter").value.trim().toLowerCase();
  byId("find").hidden = sold().length <= MANY_PRODUCTS && !sold().some((product) => product.barcodes.length);
  show(byId("products"), sold().filter((product) => product.name.toLowerCase().includes(wanted) || product.barcodes.includes(wanted)),
    (list) => list.length ? list.map(tile) : el("p", { class: "hint" }, products.length ? "No product is called so." : "No product has a price yet. Enter an amount."));
}

/** Into the cart goes what the customer sees now: the sale keeps that name and price. */
const takeProduct = (product) => addToCart(product.id, product.name, cents(product.price));

/** What a scanner types, or a name that only one product has. */
function takeFound() {
  const field = byId("filter");
  const wanted = field.value.trim();
  const scanned = sold().filter((product) => product.barcodes.includes(wanted));
  const named = sold().filter((product) => product.name.toLowerCase().includes(wanted.toLowerCase()));
  const found = scanned.length ? scanned : named;
  if (!wanted) return;
  if (found.length !== 1) return notify(found.length ? `Several products are found by ${wanted}. Tap the right one.` : `No product has the barcode or the name ${wanted}.`);
  takeProduct(found[0]);
  field.value = "";
  paintProducts();
}

/** Where a price was set differently elsewhere, the tile says so; head office chooses. */
function tile(product) {
  const other = product.others.map((each) => each.price).join(", ");
  return el("button", { type: "button", class: "tile", testid: `product-${product.id}`, onclick: () => takeProduct(product) },
    el("span", {}, product.name), el("strong", {}, grouped(product.price)), other && el("small", { class: "warn" }, `or ${other}?`));
}

/** Two open sales of one amount look alike at Safaricom: say it before the customer pays. */
function paintTwin(hint, due) {
  const twin = cents(due) > 0 && openSales.find((sale) => sale.due === due && sale.state !== "claimed");
  hint.hidden = !twin;
  if (!twin) return;
  const advice = shop.account === "paybill" ? "Make sure the customer gives the account number." : "Ask the customer's name before you choose a payment.";
  hint.textContent = `Sale ${twin.reference} also waits for ${kes(due)}. ${advice}`;
}

/** What the customer gave in cash, in cents; nothing where nobody typed it. */
const given = () => cents(byId("cash-given").value);

/** What the cart costs; nothing while the till works it out, null where it is empty. */
let price = null;

function paintPay(said) {
  price = said;
  byId("cart-total").textContent = price === undefined ? "…" : kes(price?.total ?? "0.00");
  byId("pay-cash").disabled = byId("pay-mpesa").disabled = price === null;
  byId("in-coins").textContent = price && price.in_cash !== price.total ? `In cash ${kes(price.in_cash)}: there are no smaller coins.` : "";
  const change = price && given() ? given() - cents(price.in_cash) : -1;
  byId("change").textContent = change >= 0 ? `Change ${kes(decimal(change))}` : "";
  paintTwin(byId("twin"), price?.total ?? "0.00");
}

async function sell(tender) {
  const cash = tender === "cash" && given();
  if (cash && cash < cents((await cartPrice()).in_cash)) return notify(`${kes(decimal(cash))} is less than the total: choose M-Pesa, and take the cash as a part of it.`);
  const made = await sellCart(tender);
  byId("cash-given").value = "";
  location.hash = saleLink(made.id);
  if (cash) tellChange(cash, cents(made.total), made);
}

// ---- Asking an unpaid sale's customer ---------------------------------------------------------

/** The till's part of an unpaid sale: how to pay in words or by a code to scan, and the STK push with its clock. */
function askingFor(id) {
  let sale = null;
  const steps = el("div");
  const asks = el("p", { class: "hint warn", testid: "push-asks", hidden: true });
  const code = el("div", { class: "code", testid: "qr" });
  const scan = button("Show a code to scan", async () => {
    code.replaceChildren(await picture(`${salePath(id)}/qr`, { alt: `Code to pay ${kes(sale.asks.amount)}`, width: 240, height: 240 }));
    code.dataset.due = sale.due;
  }, { testid: "show-qr" });
  const twin = el("div", { class: "stack" });
  const phone = el("input", { testid: "push-phone", type: "tel", autocomplete: "off", required: true, placeholder: "0712 345 678", "aria-label": "Customer's phone" });
  const send = el("button", { class: "primary", testid: "push-send" }, "Ask the phone");
  const form = el("form", { class: "row" }, phone, send);
  const [english, swahili] = [el("span"), el("small", { lang: "sw" })];
  const message = el("p", { role: "status", testid: "push-message", hidden: true }, english, swahili);
  const node = el("section", { class: "card stack", hidden: true }, steps, twin, asks, form, message, scan, code);
  onSubmit(form, () => post(`${salePath(id)}/push`, { phone: phone.value }));

  function tick() {
    if (!node.isConnected && sale) return clearInterval(timer);
    const push = sale?.push;
    message.hidden = !push || Boolean(push.receipt); // then the claim tells of it
    if (!push) return;
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(push.at)) / 1000));
    english.textContent = `${kes(push.amount)} asked. ${pushText(push, seconds)}`;
    swahili.textContent = push.swahili;
    message.dataset.state = push.state;
    message.className = OPEN.includes(push.state) ? "warn" : "hint";
    send.disabled = OPEN.includes(push.state) && seconds < PROMPT_LIFE_SECONDS;
  }
  const timer = setInterval(tick, 1000);

  function update(fresh) {
    sale = fresh;
    node.hidden = !["open", "part_paid"].includes(sale.state);
    show(steps, [sale.due, sale.reference, shop], () => paySteps(sale));
    show(twin, [sale.same_total, sale.due], () => sameTotal(sale, shop.account === "paybill"));
    asks.hidden = sale.asks?.remains === "0.00";
    asks.textContent = sale.asks
      ? `M-Pesa asks for whole shillings: ${kes(sale.asks.amount)} now, and ${kes(sale.asks.remains)} remains to be paid in cash.`
      : `M-Pesa asks for one shilling at least: take ${kes(sale.due)} in cash.`;
    form.hidden = scan.hidden = !sale.asks;
    if (code.dataset.due !== sale.due) code.replaceChildren(); // it would ask for another amount
    tick();
  }
  return { node, update };
}

function paySteps(sale) {
  const paybill = shop.account === "paybill";
  const steps = ["Lipa na M-PESA", paybill ? "Pay Bill" : "Buy Goods",
    [paybill ? "business " : "till ", el("b", {}, shop.shortcode)], paybill && ["account ", el("b", {}, sale.reference)],
    el("b", {}, kes(sale.asks?.amount ?? sale.due).replace(".00", ""))];
  return [el("h3", {}, "The customer pays"), el("ol", { class: "steps" }, steps.filter(Boolean).map((step) => el("li", {}, step)))];
}

/** States in which the customer may still pay. */
const OPEN = ["sent", "on_phone", "unknown"];

/** A prompt without an answer has not failed: the customer may still pay. */
function pushText(push, seconds) {
  if (push.state === "paid") return "Safaricom says that the customer paid. The receipt is on its way.";
  if (push.state !== "unknown") return OPEN.includes(push.state) ? `${push.message} (${seconds} s)` : push.message;
  return `${push.message}. Not known yet: the customer may still pay. Keep waiting, type the code, or take cash.`;
}

// ---- The day beside it ------------------------------------------------------------------------

function figures({ today, unclaimed }) {
  const rows = [[`Today (${today.sales})`, kes(today.total), "today-total"], ["Cash", kes(today.cash)], ["M-Pesa", kes(today.mpesa)],
    [`Unclaimed (${unclaimed.count})`, kes(unclaimed.total)]];
  return rows.map(([name, value, testid]) => el("div", {}, el("dt", {}, name), el("dd", { testid }, value)));
}

function saleItem(sale, testid) {
  return el("li", {}, el("a", { class: "item", href: saleLink(sale.id), testid: `${testid}-${sale.id}`, "data-state": trouble(sale) ? "conflict" : sale.state },
    el("span", { class: "grow" }, el("strong", {}, sale.reference), el("small", {}, trouble(sale) ?? stateText(sale))),
    el("span", { class: "end" }, kes(sale.total), el("small", {}, when(sale.at)), el("small", {}, stageText(sale)))));
}

function paymentItem(payment, testid) {
  const wrong = payment.disagreements.length ? "Messages disagree" : payment.held ? heldText(payment.held) : payment.asked_for && `Asked for sale ${payment.asked_for.reference}: give back?`;
  return el("li", {}, el("a", { class: "item", href: paymentLink(payment.shop, payment.receipt), testid: `${testid}-${payment.receipt}`, "data-state": wrong && "conflict" },
    el("span", { class: "grow" }, payment.payer_name || payment.payer_phone, el("small", {}, wrong || payment.receipt)),
    el("span", { class: "end" }, kesOf(payment.free, payment.amount), el("small", {}, when(payment.paid_at)))));
}

function paintList(id, items, build, nothing) {
  show(byId(id), items, () => items.length ? items.map(build) : el("li", { class: "hint" }, nothing));
}

async function refresh() {
  const status = await get("/v1/status").catch((error) => {
    paintPill(null);
    throw error;
  });
  [shop] = status.shops;
  me = status.me;
  page.takesTips = new Set(shop.takes_tips ? [shop.id] : []);
  paintPill(status);
  byId("shop").textContent = shop.name;
  byId("till").textContent = `${me.name} · till ${me.letter}`;
  byId("licence").textContent = licenceText(shop.licence);
  byId("licence").className = licenceWarns(shop.licence) ? "hint warn" : "hint";
  const of = `shop=${encodeURIComponent(shop.id)}`;
  const [catalogue, open, conflicts, latest, unclaimed, disagreeing, held] = await Promise.all([`/v1/products?${of}`, `/v1/sales?state=open&limit=50&${of}`,
    `/v1/sales?state=conflict&limit=50&${of}`, `/v1/sales?state=all&limit=15&${of}`, `/v1/payments?state=unclaimed&limit=50&${of}`,
    `/v1/payments?state=disagreeing&limit=20&${of}`, `/v1/payments?state=held&limit=20&${of}`].map(get));
  products = byName(catalogue.products);
  openSales = open.sales;
  paintProducts();
  paintCart();
  show(byId("today"), shop, figures);
  const listed = new Set(conflicts.sales.map((sale) => sale.id));
  const exceptions = [...conflicts.sales, ...openSales.filter((sale) => !listed.has(sale.id))];
  paintList("open", exceptions, (sale) => saleItem(sale, "open-sale"), "Every sale is paid.");
  // Nothing ends a disagreement: today's are shown, older ones are head office's.
  const astray = disagreeing.payments.filter((payment) => payment.sale && payment.paid_at.startsWith(status.day));
  const strays = [...astray.map((payment) => [payment, "disagreeing"]), ...held.payments.map((payment) => [payment, "held"]), ...unclaimed.payments.map((payment) => [payment, "unclaimed"])];
  paintList("unclaimed", strays, (stray) => paymentItem(...stray), "Every payment has its sale.");
  paintList("latest", latest.sales, (sale) => saleItem(sale, "latest-sale"), "No sale yet.");
  await refreshHeld();
  await connection.refresh(status);
  await stock.refresh();
  await drawer.refresh(shop.id);
  await panel.refresh();
}

wireHeader(() => me?.name ?? "till");
onSubmit(byId("other"), async () => {
  const field = byId("other-amount");
  const amount = cents(field.value);
  if (!amount) return notify("Enter an amount such as 250 or 99.50.");
  addToCart(null, "Other", amount);
  field.value = "";
});
byId("filter").addEventListener("input", paintProducts);
byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  takeFound();
});
cartSection(paintPay);
byId("cash-given").addEventListener("input", () => paintPay(price));
const connection = connectionSection(byId("connection"), true);
page.refunds = giveBack;
const drawer = shiftSection(byId("drawer"));
const stock = stockSection(byId("stock"), () => ({ shop: shop.id, products }));
byId("pay-cash").addEventListener("click", (event) => act(event.currentTarget, () => sell("cash")));
byId("pay-mpesa").addEventListener("click", (event) => act(event.currentTarget, () => sell("mpesa")));
const panel = detailPanel(byId("detail"), askingFor);
live(refresh);
