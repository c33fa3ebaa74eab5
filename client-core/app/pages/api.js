// What both pages share: the local API, money and time as text, small DOM helpers, live updates, and the
// views of one sale and one payment. Data reaches the page as text nodes only, never as HTML.

import { conflictCard, conflictsOf } from "./conflicts.js";
import { lineText } from "./connection.js";
import { candidateList, codeField, decided, phoneText, release, saleChoice, salesFor } from "./match.js";
import { cashField, overChoices, returnForm, mistakes } from "./settle.js";
import { printing, stageList } from "./stages.js";

/** Who acts, what to repaint after an action, whether money can be given back here, and which shops take tips. Each page
 * fills this in. */
export const page = { by: () => "", refresh: async () => {}, givesBack: false, refunds: null, takesTips: new Set() };

// ---- The local API ----------------------------------------------------------------------------

/** Sends one request; a problem becomes an Error with its title. */
async function send(method, path, body, headers = {}) {
  const init = { method, headers };
  if (body) {
    init.headers = { "content-type": "application/json", ...headers };
    init.body = JSON.stringify(body);
  }
  const answer = await fetch(path, init).catch(() => {
    throw new Error("The Leja program on this machine does not answer. Is it running?");
  });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(problem.title ?? `The request failed (${answer.status}).`), { kind: problem.type });
}

export const api = async (...request) => (await send(...request)).json();

/** A picture from the API; fetched, so that a refusal can be told in words. */
export async function picture(path, props) {
  const image = el("img", { src: URL.createObjectURL(await (await send("GET", path)).blob()), ...props });
  image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  return image;
}

export const get = (path) => api("GET", path);
export const post = (path, body = {}) => api("POST", path, { ...body, by: page.by() });
export const salePath = (id) => `/v1/sales/${encodeURIComponent(id)}`;

/** A version 4 UUID; crypto.randomUUID is missing where the page comes over plain HTTP from another machine. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

/** Runs `refresh` now, on every change event and every 15 s in case events do not come; never twice at once. */
export function live(refresh) {
  let running = null;
  let again = false;
  async function run() {
    do {
      again = false;
      await refresh().catch((error) => notify(error.message));
    } while (again);
    running = null;
  }
  page.refresh = () => {
    again = true;
    return (running ??= run());
  };
  const events = new EventSource("/v1/events");
  events.addEventListener("change", page.refresh);
  events.addEventListener("reversed", () => {
    notify("A payment went back to the customer: its sale is not paid any more.");
    page.refresh();
  });
  events.addEventListener("open", page.refresh); // what changed while the line was down
  setInterval(page.refresh, 15_000);
  page.refresh();
}

// ---- Money, time, words -----------------------------------------------------------------------

/** "1,234.5" as typed, in cents, for exact sums; null when it is no amount. */
export function cents(text) {
  const plain = text.replace(/[\s,]/g, "");
  if (!/^\d{1,9}(\.\d{1,2})?$/.test(plain)) return null;
  const [whole, part = ""] = plain.split(".");
  return Number(whole) * 100 + Number(part.padEnd(2, "0"));
}

export const decimal = (amount) => `${Math.floor(amount / 100)}.${String(amount % 100).padStart(2, "0")}`;
export const total = (amounts) => decimal(amounts.reduce((sum, amount) => sum + cents(amount), 0));
export const grouped = (amount) => amount.replace(/\B(?=(\d{3})+(?=\.))/g, ",");
export const many = (count, one, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;
export const byName = (things) => things.toSorted((one, other) => one.name.localeCompare(other.name));
/** The space does not break: an amount is one word. */
export const kes = (amount) => `KES\u00a0${grouped(amount)}`;

/** How much of a payment is meant, where that is not all of it. */
export const kesOf = (part, amount) => part && part !== amount && cents(part) > 0 ? `${kes(part)} of ${kes(amount)}` : kes(amount);

/** The wall clock of the shop, as the API gives it: all times carry Nairobi's offset. */
const clock = (at) => at.slice(11, 16);

/** A time of today as 14:02, an older one with its date. */
export function when(at) {
  const today = new Intl.DateTimeFormat("sv-SE", { timeZone: "Africa/Nairobi" }).format();
  return at.startsWith(today) ? clock(at) : `${at.slice(0, 10)} ${clock(at)}`;
}

/** What the sale's state means for the goods on the counter; it never claims more than is known. */
export function stateText(sale) {
  const unverified = sale.claims.find((claim) => claim.leads && !claim.verified);
  switch (sale.state) {
    case "paid": return sale.unconfirmed ? "PAID, NOT CONFIRMED: do not hand out goods yet"
      : cents(sale.over) > 0 ? `PAID, ${kes(sale.over)} to give back` : "PAID";
    case "claimed": return `M-Pesa code ${unverified?.receipt ?? ""}${unverified?.offline ? ", claimed offline" : ""}, to be verified`;
    case "part_paid": return `PART PAID, ${kes(sale.due)} still due`;
    case "voided": return "CANCELLED";
    default: return "NOT PAID YET";
  }
}

const disagrees = (sale) => sale.claims.some((claim) => claim.leads && claim.disagreements.length > 0);

/** Why a person has to look at a sale, in a few words; null where there is no reason. */
export function trouble(sale) {
  if (sale.conflict) return "Conflict: code used twice";
  if (sale.reversed && cents(sale.due) > 0) return "Payment went back: NOT PAID";
  if (sale.unconfirmed) return "Not confirmed: no goods yet";
  return disagrees(sale) ? "Messages disagree" : null;
}

export const HOW = {
  stk_request: "asked on the phone",
  account_reference: "named by the account number",
  typed: "code typed",
  picked: "picked from the list",
  automatic: "matched automatically",
};
const SOURCE = {
  c2b_confirmation: "Safaricom's confirmation",
  stk_result: "answer from the phone",
  pulled_row: "Safaricom's listing",
  status_result: "Safaricom's answer when asked",
  statement_row: "Safaricom's statement",
};
/** In what messages can disagree. */
const DISAGREEMENT = { amount: "the amount", number: "the number it was paid to", time: "the time", shop: "the shop: another one has this receipt too" };
const disagreement = (names) => `Safaricom's messages disagree on ${names.map((name) => DISAGREEMENT[name] ?? name).join(" and ")}. Check the statement.`;

// ---- DOM helpers ------------------------------------------------------------------------------

export const byId = (id) => document.getElementById(id);

/** Builds an element: `on…` props listen, `testid` is short for data-testid, empty children are left out. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name === "testid" ? "data-testid" : name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

/** Does one thing for a control, then repaints; a second tap meanwhile is ignored, an error is told. */
export async function act(control, run) {
  if (control.ariaBusy === "true") return;
  control.ariaBusy = "true";
  try {
    await run();
    await page.refresh();
  } catch (error) {
    notify(error.message);
  } finally {
    control.ariaBusy = null;
  }
}

export function button(text, run, props = {}) {
  return el("button", { type: "button", ...props, onclick: (event) => act(event.currentTarget, run) }, text);
}

export function onSubmit(form, run) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act(form, run);
  });
}

const painted = new WeakMap();

/** Repaints a region when its data changed, and leaves the focus where it was. */
export function show(region, data, build) {
  const key = JSON.stringify(data);
  if (painted.get(region) === key) return;
  painted.set(region, key);
  const focused = region.contains(document.activeElement) && document.activeElement.dataset.testid;
  region.replaceChildren(...[build(data)].flat().filter(Boolean));
  if (focused) region.querySelector(`[data-testid="${CSS.escape(focused)}"]`)?.focus();
}

/** A line of news for ten seconds, with an undo where there is one. */
export function notify(text, undo) {
  const bar = byId("notice");
  const close = () => (bar.hidden = true);
  bar.replaceChildren(el("span", {}, text));
  if (undo) bar.append(button("Undo", () => (close(), undo()), { testid: "undo" }));
  bar.hidden = false;
  clearTimeout(notify.timer);
  notify.timer = setTimeout(close, 10_000);
}

/** Asks for a reason; resolves to the text, or to null when the person thinks again. */
export function askReason(title, suggestions, warning) {
  return new Promise((resolve) => {
    const input = el("input", { testid: "reason-input", required: true, maxlength: 200, "aria-label": "Reason" });
    const suggest = (text) => el("button", { type: "button", class: "chip", onclick: () => (input.value = text) }, text);
    const form = el("form", { method: "dialog", class: "stack" },
      el("h2", {}, title), warning && el("p", {}, warning), el("p", { class: "chips" }, suggestions.map(suggest)), input,
      el("div", { class: "row" },
        el("button", { type: "button", onclick: () => dialog.close() }, "Keep it"),
        el("button", { class: "danger", testid: "reason-confirm", value: "ok" }, "Confirm")));
    const dialog = el("dialog", {}, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "ok" ? input.value.trim() : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Asks what is made cheaper, by how much, and why; resolves to `{on, typed, reason}`, or to null. */
export function askDiscount(choices) {
  return new Promise((resolve) => {
    const on = el("select", { testid: "discount-on", "aria-label": "Off what" }, choices.map(([value, name]) => el("option", { value }, name)));
    const much = el("input", { testid: "discount-amount", required: true, autocomplete: "off", placeholder: "50 or 10%", "aria-label": "How much" });
    const why = el("input", { testid: "discount-reason", required: true, maxlength: 80, autocomplete: "off", placeholder: "Why", "aria-label": "Why" });
    const form = el("form", { method: "dialog", class: "stack" }, el("h2", {}, "Discount"), on, much, why,
      el("div", { class: "row" }, el("button", { type: "button", onclick: () => dialog.close() }, "Keep the price"),
        el("button", { class: "primary", testid: "discount-confirm", value: "ok" }, "Take it off")));
    const dialog = el("dialog", {}, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "ok" ? { on: on.value, typed: much.value.trim(), reason: why.value.trim() } : null);
    });
    document.body.append(dialog);
    dialog.showModal();
    much.focus();
  });
}

/** What is wrong with this machine's clock, in a few words; null where nothing is worth a word. */
export function clockText({ clock, clock_jumped_ms: jumped }) {
  const minutes = Math.round((clock?.offset_ms ?? 0) / 60_000);
  if (jumped) return "the clock jumped: check it";
  return minutes ? `the clock is ${many(Math.abs(minutes), "minute")} ${minutes > 0 ? "slow" : "fast"}, times are corrected` : null;
}

/** The quiet, permanent word on the connection. `status` is null when the program itself is silent. */
export function paintPill(status) {
  const pill = byId("status-pill");
  const past = status?.history && `history ${status.history.have} of ${status.history.of}`;
  const counts = [status?.waiting && `${status.waiting} waiting`, status?.refused && `${status.refused} refused`, past,
    status && clockText(status)];
  pill.textContent = [lineText(status), ...counts.filter(Boolean)].join(" · ");
  pill.dataset.state = status?.online && !status.problem ? "online" : "offline";
}

/** What the header of both pages does: the name on every action, and a pill that syncs when tapped. */
export function wireHeader(nobody) {
  const name = byId("cashier");
  name.value = localStorage.getItem("cashier") ?? "";
  name.addEventListener("input", () => localStorage.setItem("cashier", name.value.trim()));
  page.by = () => name.value.trim() || nobody();
  const pill = byId("status-pill");
  pill.addEventListener("click", () => act(pill, () => api("POST", "/v1/sync", {})));
}

// ---- One sale, one payment --------------------------------------------------------------------

export const saleLink = (id) => `#sale/${encodeURIComponent(id)}`;
export const paymentLink = (shop, receipt) => `#payment/${encodeURIComponent(shop)}/${encodeURIComponent(receipt)}`;

/**
 * Shows in `host` the sale or payment that the address names after its #, so that "back" closes it and a
 * reload keeps it. `asking`, if given, builds the till's part of an unpaid sale: `{node, update(sale)}`.
 */
export function detailPanel(host, asking) {
  const views = { sale: (id) => saleView(id, asking?.(id)), payment: paymentView };
  let refresh = async () => {};
  function open() {
    const [kind, ...names] = location.hash.slice(1).split("/").map(decodeURIComponent);
    const view = views[kind]?.(...names);
    refresh = view?.refresh ?? (async () => {});
    host.replaceChildren(...(view ? [el("a", { class: "back", href: "#", testid: "back" }, "← Back"), view.node] : []));
    host.hidden = !view;
    document.body.classList.toggle("detailed", Boolean(view));
    if (view) host.focus();
    page.refresh();
  }
  addEventListener("hashchange", open);
  open();
  return { refresh: () => refresh() };
}

/** One sale: what it is, its claims, the ways to settle it, its history. Built once, then updated in place. */
function saleView(id, asking) {
  let sale;
  const parts = { head: el("div"), alarms: el("div", { class: "stack" }), claims: el("div", { class: "stack" }), found: el("div", { hidden: true }), rest: el("div", { class: "stack" }) };
  const code = codeField(() => sale);
  const choose = toggle("Choose a payment", parts.found, "choose-payment");
  const ways = el("div", { class: "ways" }, choose, toggle("Type a code", code.node, "type-code"),
    asking && button("Hand out unpaid", () => trust(sale), { testid: "trust" }));
  const cash = asking && cashField(() => sale);
  const back = returnForm(() => sale);
  const discard = button("Cancel sale", () => cancel(sale), { class: "quiet danger", testid: "void-sale" });
  const node = el("article", { class: "stack" }, parts.head, parts.alarms, parts.claims, asking?.node, ways, code.node, parts.found, cash,
    asking && printing(id, () => sale), parts.rest, el("div", { class: "chips" }, back.flip, discard), back.node);

  async function refresh() {
    sale = await get(salePath(id));
    const owing = ["open", "claimed", "part_paid"].includes(sale.state);
    const fits = owing ? await get(`${salePath(id)}/candidates`) : { candidates: [], used: [], as_of: null };
    const conflicts = sale.claims.length ? await conflictsOf(sale) : [];
    show(parts.head, [sale, [...page.takesTips]], () => saleHead(sale));
    show(parts.alarms, sale, saleAlarms);
    show(parts.claims, [sale, conflicts], () => saleClaims(sale, conflicts));
    show(parts.rest, sale, saleRest);
    show(parts.found, [fits, owing], () => owing && candidateList(sale, fits));
    choose.textContent = fits.candidates.length ? `Choose a payment (${fits.candidates.length})` : "Choose a payment";
    ways.hidden = !owing;
    if (cash) cash.hidden = !owing || cents(sale.due) === 0;
    if (!owing) code.close();
    discard.hidden = back.flip.hidden = sale.state === "voided";
    back.flip.hidden ||= !sale.lines.length;
    asking?.update(sale);
  }
  return { node, refresh };
}

function toggle(text, target, testid) {
  const flip = (event) => {
    target.hidden = !target.hidden;
    event.currentTarget.setAttribute("aria-expanded", !target.hidden);
    if (!target.hidden) target.querySelector("input, button")?.focus();
  };
  return el("button", { type: "button", testid, "aria-expanded": "false", onclick: flip }, text);
}

function saleHead(sale) {
  return el("header", { class: "stack" },
    el("div", { class: "between" },
      el("h2", {}, "Sale ", el("span", { testid: "sale-reference" }, sale.reference)),
      el("p", { class: "figure" }, kes(sale.total))),
    el("p", { class: "banner", role: "status", testid: "sale-state", "data-state": sale.unconfirmed ? "unconfirmed" : sale.state }, stateText(sale)),
    stageList(sale),
    sale.trusted && cents(sale.due) > 0 && el("p", { class: "warn", testid: "trusted" }, `Its goods were handed out on the customer's word: ${kes(sale.due)} is still due.`),
    cents(sale.over) > 0 && el("p", { class: "warn", testid: "over" }, `${kes(sale.over)} has to go back to the customer.`),
    cents(sale.over) > 0 && overChoices(sale));
}

/** A red line in both languages of the counter. */
const alarm = (testid, english, swahili, ...more) => el("section", { class: "card bad stack", testid, role: "alert" },
  el("p", {}, el("strong", {}, english), el("small", { lang: "sw" }, swahili)), more);

/** What stands between this sale and handing out its goods. */
function saleAlarms(sale) {
  const gone = sale.claims.filter((claim) => claim.reversed).map((claim) => claim.receipt).join(", ");
  const owes = cents(sale.due) > 0;
  const waiting = sale.claims.filter((claim) => claim.leads && claim.verified && !claim.confirmed && !claim.reversed);
  const stray = sale.state === "voided" ? sale.claims.filter((claim) => claim.verified && !claim.reversed && !claim.leading_sale) : [];
  return [
    sale.reversed && owes && alarm("reversed-alarm", `${gone} went back to the customer. This sale is not paid: do not hand out goods.`,
      "Malipo yamerudishwa kwa mteja: usitoe bidhaa."),
    sale.reversed && !owes && el("p", { class: "hint" }, `${gone} went back to the customer; the sale was paid otherwise.`),
    sale.unconfirmed && alarm("unconfirmed-alarm", "Do not hand out goods yet: a payment this large waits until Safaricom confirms it.",
      "Usitoe bidhaa bado: malipo makubwa yanasubiri uthibitisho wa Safaricom.",
      el("div", { class: "chips" }, waiting.map((claim) => checkButton(sale.shop, claim.receipt)))),
    ...sale.claims.filter((claim) => claim.leads && claim.disagreements.length > 0)
      .map((claim) => alarm("disagreement-alarm", `${claim.receipt}: ${disagreement(claim.disagreements)}`, "Ujumbe wa Safaricom haulingani: angalia taarifa.")),
    ...stray.map((claim) => alarm("stray-alarm", `${kes(claim.amount)} came for this cancelled sale, and no sale has it: give it back, or use it for the right sale.`,
      "Malipo yamekuja baada ya mauzo kughairiwa: yarudishe.",
      el("div", { class: "chips" }, el("a", { class: "button", href: paymentLink(sale.shop, claim.receipt) }, `Show ${claim.receipt}`)))),
  ];
}

/** Asks Safaricom whether a payment is real; the answer comes by itself. */
function checkButton(shop, receipt, props = {}) {
  return button("Check with Safaricom", async () => {
    await post(`/v1/payments/${encodeURIComponent(receipt)}/check`, { shop });
    notify(`Safaricom was asked about ${receipt}. The answer shows here when it comes.`);
  }, { testid: `check-${receipt}`, ...props });
}

/** Conflicts first, each on one card; then the claims that no card tells of. */
function saleClaims(sale, conflicts) {
  const told = new Set(conflicts.map((conflict) => conflict.receipt));
  return [...conflicts.map((conflict) => conflictCard(sale, conflict, askRelease)), ...sale.claims.filter((claim) => !told.has(claim.receipt)).map(claimRow)];
}

function claimRow(claim) {
  const payer = [claim.payer_name, claim.payer_phone].filter(Boolean).join(", ");
  return el("div", { class: "card row" },
    el("div", { class: "grow" },
      el("strong", {}, claim.receipt), " ", claim.amount ? kesOf(claim.share, claim.amount) : "amount not known yet",
      el("p", { class: "hint" }, [claim.contradicted_by ? `CONTRADICTED: ${claim.contradicted_by}` : !claim.verified && (claim.offline ? "claimed offline, to be verified" : "to be verified"), claim.confirmed && "confirmed by Safaricom", claim.reversed && "WENT BACK", payer, claim.phone && `phone ends in ${claim.phone}`, claim.approved && `allowed by ${claim.approved}`, HOW[claim.how], when(claim.at), claim.by].filter(Boolean).join(" · "))),
    button("Release", () => askRelease(claim), { class: "quiet", testid: `release-${claim.id}` }));
}

function saleRest(sale) {
  const off = (it) => el("tr", { class: "off" }, el("td", { colspan: 2 }, it.reason), el("td", { class: "number" }, `−${grouped(it.amount)}`));
  const line = (item) => [el("tr", {}, el("td", {}, item.name), el("td", { class: "number" }, `${item.quantity} × ${grouped(item.unit_price)}`),
    el("td", { class: "number" }, grouped(item.amount))), item.discount && el("tr", { class: "off" }, el("td", { colspan: 3 }, `with ${grouped(item.discount.amount)} off: ${item.discount.reason}`))];
  const lineSum = sale.lines.reduce((sum, item) => sum + cents(item.amount), 0);
  const whole = lineSum - cents(sale.total);
  const taxes = sale.taxes.map((tax) => `${tax.basis_points / 100}% tax ${kes(tax.amount)}`);
  const back = sale.returns.map((it) => `${it.goods.map((each) => `${each.quantity} × ${sale.lines[each.line]?.name}`).join(", ")} came back (${kes(it.amount)}): ${it.reason}`);
  return [
    el("table", { class: "lines" }, el("tbody", {}, sale.lines.flatMap(line).filter(Boolean), sale.lines.length > 0 && whole > 0 && off({ reason: "Off the whole sale", amount: decimal(whole) }))),
    (taxes.length > 0 || back.length > 0) && el("ul", { class: "facts", testid: "sale-facts" }, [...taxes, ...back].map((fact) => el("li", {}, fact))),
    el("p", { class: "hint" }, [`Sold ${when(sale.at)}`, sale.by !== sale.till_name && ` by ${sale.by}`, ` at ${sale.till_name}`, sale.order && `, order ${sale.order}`]),
    mistakes(sale),
    timeline(sale.history)];
}

function timeline(history) {
  const entry = (item) => el("li", {}, el("time", { datetime: item.at }, when(item.at)), el("p", {}, item.text), el("small", {}, item.by));
  return el("section", {}, el("h3", {}, "History"), el("ol", { class: "timeline", testid: "history" }, history.map(entry)));
}

async function askRelease(made) {
  const reason = await askReason(`Release ${made.receipt} from this sale?`, ["Wrong payment picked", "Code typed wrongly", "Other customer's payment"]);
  if (reason) await release(made, reason);
}

/** Goods go out on the customer's word: the sale stays due, and its limits hold. */
async function trust(sale) {
  const reason = await askReason(`Hand out the goods of sale ${sale.reference} though no payment was found?`, ["Known customer", "Message seen on the phone", "M-Pesa is slow"],
    "The sale stays due, and counts in what nobody has seen.");
  if (reason) await decided((more) => post(`${salePath(sale.id)}/trust`, { reason, ...more }));
}

async function cancel(sale) {
  const reason = await askReason(`Cancel sale ${sale.reference}?`, ["Customer left", "Entered wrongly", "Goods returned"]);
  if (reason) await post(`${salePath(sale.id)}/void`, { reason });
}

/** One payment: what came from Safaricom, the sale it settles, or the open sales it could settle. */
function paymentView(shop, receipt) {
  const node = el("article", { class: "stack" });
  const query = `shop=${encodeURIComponent(shop)}`;
  let shown = null;
  let back = null;
  const paint = () => show(node, [shown, back], () => paymentBody(...shown, back));
  async function refresh() {
    const payment = await get(`/v1/payments/${encodeURIComponent(receipt)}?${query}`);
    const free = !payment.held && !payment.reversed && cents(payment.free) > 0;
    const open = free ? await salesFor(payment) : [];
    shown = [payment, open];
    paint();
    followBack(payment);
  }
  /** What became of the request to give it back. It is asked of the cloud, so nothing waits for it. */
  async function followBack(payment) {
    const request = localStorage.getItem(backKey(payment));
    if (!request || payment.reversed) return;
    back = await get(`/v1/requests/${encodeURIComponent(request)}?${query}`).catch((error) => ({ state: "unknown", words: error.message }));
    paint();
  }
  return { node, refresh };
}

/** Under which key this browser remembers the request to give a payment back. */
const backKey = ({ shop, receipt }) => `back/${shop}/${receipt}`;

const BACK = {
  waiting: "Safaricom was asked to give it back, and has not answered yet.",
  done: "Safaricom says that it was given back.",
  refused: "Safaricom did not give it back.",
  timed_out: "It is not known yet whether it was given back.",
  unknown: "It is not known whether it was given back.",
};

async function giveBack(payment) {
  const reason = await askReason(`Give ${kes(payment.amount)} of ${payment.receipt} back?`, ["Goods came back", "Paid twice", "Paid too much"],
    "The whole payment goes back to the customer, and can not be called back. Its sale will owe the money again.");
  if (!reason) return;
  const { request } = await post(`/v1/payments/${encodeURIComponent(payment.receipt)}/reverse`, { shop: payment.shop, reason });
  localStorage.setItem(backKey(payment), request);
}

/** Which sale has a payment that is not here. */
export const heldText = ({ reference, at }) => `Held for sale ${reference}${at ? ` of ${when(at)}` : ""}, which is not here`;

/** Whether somebody should look at a payment, why, and what can be done about it. */
function paymentAlarms(payment, back) {
  const other = payment.asked_for && payment.asked_for.id !== payment.sale?.id && payment.asked_for;
  const fate = payment.sale || payment.held ? "is used for another sale" : "no sale has it";
  return [
    payment.reversed && alarm("reversed-alarm", "This payment went back to the customer: it pays nothing.", "Malipo yamerudishwa kwa mteja."),
    payment.conflict && el("p", { class: "card bad" }, "More than one sale claims this payment."),
    payment.disagreements.length > 0 && alarm("disagreement-alarm", disagreement(payment.disagreements), "Ujumbe wa Safaricom haulingani: angalia taarifa."),
    other && !payment.reversed && alarm("asked-alarm", `The phone was asked for sale ${other.reference}, and ${fate}: give it back, or use it for the right sale.`,
      "Malipo haya yaliombwa kwa mauzo mengine."),
    payment.held && el("p", { class: "warn", testid: "held" }, `${heldText(payment.held)}: it has not come yet, it is older than what is kept here, or a copy of its till wrote it. It has the payment all the same; release it only if that sale is lost for good.`),
    payment.review && el("p", { class: "warn", testid: "review" }, "So large that somebody should look at it."),
    back && !payment.reversed && el("p", { class: back.state === "refused" ? "card bad" : "warn", role: "status", testid: "back-state", "data-state": back.state },
      [BACK[back.state] ?? back.state, back.words].filter(Boolean).join(" ")),
  ];
}

function paymentBody(payment, open, back) {
  const parted = payment.sale && cents(payment.free) > 0;
  const facts = [phoneText(payment.payer_phone), `Paid ${when(payment.paid_at)}`,
    payment.account_reference && `Account ${payment.account_reference}`,
    payment.order && `Meant for sale ${payment.order.reference}`,
    payment.sources.map((source) => SOURCE[source] ?? source).join(", "),
    payment.confirmed ? "Confirmed: Safaricom said so when it was asked" : "Not confirmed: so far only told by a callback"];
  const takesBack = page.givesBack && !payment.reversed && back?.state !== "waiting";
  return [
    el("div", { class: "between" }, el("h2", {}, payment.receipt), el("p", { class: "figure" }, kes(payment.amount))),
    ...paymentAlarms(payment, back),
    el("p", {}, el("strong", {}, payment.payer_name || "Name not known")),
    el("ul", { class: "facts", testid: "payment-facts" }, facts.filter(Boolean).map((fact) => el("li", {}, fact))),
    el("div", { class: "chips" },
      !payment.reversed && checkButton(payment.shop, payment.receipt),
      payment.held && button("Release this payment", () => askRelease({ id: payment.held.claim, receipt: payment.receipt }), { class: "danger", testid: "release-held" }),
      takesBack && button("Give back to the customer", () => giveBack(payment), { class: "danger", testid: "give-back" })),
    payment.sale
      ? el("a", { class: "button", href: saleLink(payment.sale.id) }, `${payment.reversed ? "Was for" : "Settles"} sale ${payment.sale.reference} at ${payment.sale.till_name}`)
      : !payment.reversed && !payment.held && el("section", { class: "stack" }, el("p", { class: "banner" }, "Not claimed by a sale")),
    parted && el("p", { class: "warn", testid: "free" }, `${kes(payment.free)} of it is free for another sale.`),
    open.length > 0 && el("section", { class: "stack" }, open.map((fit) => saleChoice(payment, fit))),
    timeline(payment.history)];
}
