// Head office's page: every shop's day from this replica, exceptions first, with the means to correct them.

import { api, button, byId, byName, cents, decimal, detailPanel, el, get, heldText, kes, kesOf, live, many, notify, onSubmit, page, paintPill, paymentLink, post, saleLink,
  show, stateText, total, trouble, when, wireHeader } from "./api.js";
import { connectionSection } from "./connection.js";
import { licenceText, licenceWarns } from "./licence.js";
import { bookSection, shiftReports } from "./shift.js";
import { stageText } from "./stages.js";
import { stockSection } from "./stock.js";

/** A till that was not heard of for so long may hold sales that head office has not seen. */
const QUIET_MINUTES = 30;

let status = null;
let products = [];
/** How many pages of sales are shown. */
let pages = 1;

const shopName = (id) => status.shops.find((shop) => shop.id === id)?.name ?? id;

// ---- Shops ------------------------------------------------------------------------------------

function shopCard(shop) {
  const { today, unclaimed } = shop;
  const figure = (name, value, mark) => el("div", { class: mark || "" }, el("dt", {}, name), el("dd", {}, value));
  return el("article", { class: "card stack", testid: `office-shop-${shop.id}` },
    el("div", { class: "between" }, el("h2", {}, shop.name), el("span", { class: "figure" }, kes(today.total))),
    el("p", { class: "hint" }, `${many(today.sales, "sale")} today · ${shop.account} ${shop.shortcode}`),
    el("p", { class: licenceWarns(shop.licence) ? "hint warn" : "hint", testid: `office-licence-${shop.id}` }, licenceText(shop.licence)),
    el("dl", { class: "figures" },
      figure("Cash", kes(today.cash)), figure("M-Pesa", kes(today.mpesa)), figure("Open", today.open),
      figure("To look at", today.conflicts, today.conflicts > 0 && "bad"),
      today.reversed > 0 && figure("Went back", today.reversed, "bad"),
      today.unconfirmed > 0 && figure("Not confirmed", today.unconfirmed, "bad"),
      figure("Unclaimed", `${unclaimed.count} · ${kes(unclaimed.total)}`, unclaimed.count > 0 && "warn")),
    el("ul", { class: "members" }, shop.members.filter((member) => member.role === "till").map(memberLine)));
}

/** Completeness: a shop's figures are whole only as far as each of its tills was heard. */
function memberLine(member) {
  const minutes = member.last_seen ? (Date.now() - Date.parse(member.last_seen)) / 60_000 : Infinity;
  return el("li", { class: minutes > QUIET_MINUTES ? "quiet-till" : "" },
    el("span", { class: "letter" }, member.letter), el("span", { class: "grow" }, member.name, el("small", {}, many(member.entries, "entry", "entries"))),
    member.last_seen ? `seen ${when(member.last_seen)}` : "never seen");
}

// ---- Sales and payments -----------------------------------------------------------------------

/** A row that opens its detail wherever it is tapped; its link serves the keyboard. */
function row(props, href, name, ...cells) {
  return el("tr", { ...props, onclick: () => (location.hash = href) }, el("td", {}, el("a", { href }, name)), cells);
}

const cell = (value, kind = "") => el("td", { class: kind }, value);

function saleRow(sale) {
  const wrong = trouble(sale);
  return row({ testid: `office-sale-${sale.id}`, "data-state": sale.state, class: wrong ? "exception" : "" }, saleLink(sale.id), sale.reference,
    cell(when(sale.at)), cell(shopName(sale.shop), "roomy"), cell(sale.till_name, "roomy"), cell(kes(sale.total), "number"),
    el("td", {}, el("span", { class: "tag", "data-state": wrong ? "conflict" : sale.state }, wrong ?? stateText(sale)), el("small", {}, stageText(sale))));
}

/** Why somebody should look at a payment, in a few words; null where there is no reason. */
function doubt(payment) {
  if (payment.reversed) return "Went back";
  if (payment.conflict) return "Conflict";
  if (payment.disagreements.length) return "Messages disagree";
  if (payment.held) return heldText(payment.held);
  if (!payment.sale) return payment.asked_for ? `Asked for ${payment.asked_for.reference}` : "Unclaimed";
  return payment.review ? "Large" : null;
}

function paymentRow(payment) {
  const wrong = doubt(payment);
  return row({ testid: `office-payment-${payment.receipt}`, class: wrong ? "exception" : "" }, paymentLink(payment.shop, payment.receipt), payment.receipt,
    cell(when(payment.paid_at)), cell(shopName(payment.shop), "roomy"), cell(payment.payer_name || payment.payer_phone, "roomy"), cell(kesOf(payment.free, payment.amount), "number"),
    el("td", {}, wrong && el("span", { class: "tag", "data-state": wrong === "Unclaimed" ? "open" : "conflict" }, wrong), payment.sale && ` ${payment.sale.reference}`));
}

function paintTable(id, items, build, nothing) {
  show(byId(id), items, () => items.length ? items.map(build) : el("tr", {}, el("td", { colspan: 6, class: "hint" }, nothing)));
}

/** As many pages of sales as were asked for; `next` tells whether there are more. */
async function fetchSales(state, shop) {
  const sales = [];
  let next = null;
  for (let page = 0; page < pages && (page === 0 || next); page += 1) {
    const before = next ? `&before=${encodeURIComponent(next)}` : "";
    const answer = await get(`/v1/sales?state=${state}&limit=50${shop}${before}`);
    sales.push(...answer.sales);
    next = answer.next;
  }
  return { sales, next };
}

const first = (isException, items) => [...items.filter(isException), ...items.filter((item) => !isException(item))];

// ---- Products ---------------------------------------------------------------------------------

function setProduct(id, name, price, low_at) {
  const shop = byId("product-shop").value;
  return api("PUT", `/v1/products/${encodeURIComponent(id)}`, { shop, name, price, low_at, by: page.by() });
}

/** One price, or all prices that were set without knowing of each other, each to be chosen. */
function productRow(product) {
  const values = [product, ...product.others];
  const choose = (value, index) => button(`Choose ${value.name} at ${value.price} (${value.by}, ${when(value.at)})`,
    () => post(`/v1/products/${encodeURIComponent(product.id)}/choose`, { shop: byId("product-shop").value, version: value.version }), { testid: `choose-${product.id}-${index}` });
  const edit = () => {
    byId("product-name").value = product.name;
    byId("product-price").value = product.price;
    byId("product-low").value = product.low_at ?? "";
    byId("product-price").select();
  };
  return el("tr", { testid: `office-product-${product.id}`, class: product.others.length ? "exception" : "" },
    cell(product.name), cell(values.map((value) => value.price).join(" or "), "number"),
    el("td", { class: "end" }, product.others.length ? el("span", { class: "chips" }, values.map(choose)) : el("button", { type: "button", onclick: edit }, "Change")));
}

/** A new product is named after what it is called: an id is a-z, 0-9 and -. */
const productId = (name) => name.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 40).replace(/^-|-$/g, "");

// ---- The page ---------------------------------------------------------------------------------

function paintChoices(select, shops, fixed = []) {
  const chosen = select.value;
  show(select, shops.map(({ id, name }) => [id, name]), (list) => [...fixed, ...list].map(([value, name]) => el("option", { value }, name)));
  if (chosen) select.value = chosen;
}

async function refresh() {
  status = await get("/v1/status").catch((error) => {
    paintPill(null);
    throw error;
  });
  paintPill(status);
  page.takesTips = new Set(status.shops.filter((shop) => shop.takes_tips).map((shop) => shop.id));
  byId("today-total").textContent = kes(total(status.shops.map((shop) => shop.today.total)));
  const minute = Math.floor(Date.now() / 60_000); // a till grows quiet though nothing changes
  show(byId("shops"), [status.shops, minute], () => status.shops.map(shopCard));
  paintChoices(byId("shop-filter"), status.shops, [["", "All shops"]]);
  paintChoices(byId("product-shop"), status.shops);
  const state = byId("state-filter").value;
  const shop = byId("shop-filter").value && `&shop=${encodeURIComponent(byId("shop-filter").value)}`;
  const [listed, conflicts, paid, catalogue] = await Promise.all([
    fetchSales(state, shop),
    get(`/v1/sales?state=conflict&limit=50${shop}`),
    get(`/v1/payments?state=${byId("payment-filter").value}&limit=100${shop}`),
    get(`/v1/products?shop=${encodeURIComponent(byId("product-shop").value)}`)]);
  const older = state === "all" ? conflicts.sales.filter((sale) => !listed.sales.some((each) => each.id === sale.id)) : [];
  paintTable("sales", first((sale) => trouble(sale), [...listed.sales, ...older]), saleRow, "No sale to show.");
  byId("more").hidden = !listed.next;
  paintTable("payments", first((payment) => doubt(payment) && !payment.reversed, paid.payments), paymentRow, "No payment to show.");
  products = byName(catalogue.products);
  paintTable("products", first((product) => product.others.length, products), productRow, "No product yet.");
  await connection.refresh(status);
  await stock.refresh();
  await shifts.refresh();
  await books.refresh(status.day);
  await panel.refresh();
}

wireHeader(() => "Head office");
page.givesBack = true;
for (const id of ["shop-filter", "state-filter", "payment-filter", "product-shop"]) {
  byId(id).addEventListener("change", () => {
    pages = 1;
    page.refresh();
  });
}
byId("more").addEventListener("click", () => {
  pages += 1;
  page.refresh();
});
onSubmit(byId("product"), async () => {
  const [name, price] = [byId("product-name").value.trim(), cents(byId("product-price").value)];
  const known = products.find((product) => product.name.toLowerCase() === name.toLowerCase());
  const id = known?.id ?? productId(name);
  if (price === null || !id) return notify("A product needs a name and a price such as 65 or 99.50.");
  await setProduct(id, name, decimal(price), byId("product-low").value.trim());
  byId("product").reset();
});
const connection = connectionSection(byId("connection"), false);
const shifts = shiftReports(byId("shifts"), () => byId("product-shop").value);
const books = bookSection(byId("books"), () => status.shops.find((shop) => shop.id === byId("product-shop").value));
const stock = stockSection(byId("stock"), () => ({ shop: byId("product-shop").value, products }));
const panel = detailPanel(byId("detail"));
live(refresh);
