// Shifts: at a till, opening, counting and closing its drawer; on both pages, the reports of what was closed.

import { api, askReason, button, el, get, kes, onSubmit, page, post, show, uuid, when } from "./api.js";
import { askWhether } from "./match.js";

/** Posts under a key of its own for each form and each thing typed, so that a retry is the same. */
function sender() {
  let attempt = null;
  return async (path, body) => {
    const text = path + JSON.stringify(body);
    if (attempt?.text !== text) attempt = { text, key: uuid() };
    const answer = await api("POST", path, { ...body, by: page.by() }, { "Idempotency-Key": attempt.key });
    attempt = null;
    return answer;
  };
}

const rows = (list) => el("table", {}, el("tbody", {}, list.filter(Boolean).map(([name, value, testid]) =>
  el("tr", {}, el("td", {}, name), el("td", { class: "number", testid }, value)))));

const some = (name, amount) => amount !== "0.00" && [name, kes(amount)];

function takings(it) {
  return [[`Sales (${it.sales})`, kes(it.total)], some("Cash", it.cash), some("M-Pesa, seen", it.verified), some("M-Pesa, code only", it.claimed),
    some("Contradicted", it.contradicted), some("Open", it.open), some("To give back", it.over), it.voids !== 0 && [`Cancelled (${it.voids})`, kes(it.voided)]];
}

function drawer(it) {
  return [["Float", kes(it.float)], ["Cash from sales", kes(it.sales)], some("Put in", it.paid_in), some("Taken out", it.paid_out),
    some("Given back", it.refunds), [el("strong", {}, "Should be there"), el("strong", {}, kes(it.expected)), "shift-expected"]];
}

function report(it) {
  return [rows(drawer(it.drawer)), rows(takings(it.takings)),
    it.late.map((late) => [el("p", { class: "hint" }, `Known since then of report ${late.number}`), rows(takings(late))]),
    it.unsent > 0 && el("p", { class: "hint" }, `${it.unsent} entries had not been sent.`)].flat(2);
}

function closed(it) {
  const off = it.difference;
  const words = off === "0.00" ? "as it should be" : off.startsWith("-") ? `${kes(off.slice(1))} short` : `${kes(off)} over`;
  return el("details", { class: "card", testid: `shift-${it.name}` },
    el("summary", {}, `Report ${it.name}, ${when(it.at)}, ${it.by}: ${words}`),
    rows([["Counted", kes(it.counted), "shift-counted"]]), ...report(it.report),
    el("p", { class: "hint" }, `Seal ${it.seal.slice(0, 16)}`));
}

/** The reports of a shop's closed shifts; `about` gives the shop's id. */
export function shiftReports(root, about) {
  const list = el("div", { class: "stack" });
  root.replaceChildren(el("h2", {}, "Closed shifts"), list);
  async function refresh() {
    const shop = about();
    const { shifts } = shop ? await get(`/v1/shifts?shop=${encodeURIComponent(shop)}`) : { shifts: [] };
    show(list, shifts, (all) => all.length ? all.map(closed) : el("p", { class: "hint" }, "No shift was closed yet."));
  }
  return { refresh };
}

/** The day before one such as 2026-11-22. */
const dayBefore = (day) => new Date(Date.parse(`${day}T12:00:00Z`) - 86_400_000).toISOString().slice(0, 10);

/** Up to when a shop's books are closed, and closing them; `about` gives the shop. */
export function bookSection(root, about) {
  const state = el("p", { class: "hint", role: "status", testid: "books-state" });
  const until = el("input", { type: "date", testid: "books-until", required: true, "aria-label": "Close up to and with this day" });
  const form = el("form", { class: "row" }, until, el("button", { testid: "books-close" }, "Close the books"));
  let closed = null;
  root.replaceChildren(el("h2", {}, "Books"), state, form);
  onSubmit(form, async () => {
    const { id: shop, name } = about();
    if (until.value < closed) {
      const reason = await askReason(`Open the books of ${name} after ${until.value} again?`, ["A till was not in yet", "Closed by mistake"], "What was decided about the sales of those days can be changed again.");
      if (reason) await post("/v1/periods", { shop, until: until.value, reason });
      return;
    }
    const sure = await askWhether(`Close the books of ${name} up to ${until.value}? What was decided about the sales of those days stays: they are not cancelled, and no payment is taken from them. Goods can still come back, and money be given back.`,
      "Close the books");
    if (sure) await post("/v1/periods", { shop, until: until.value });
  });
  async function refresh(today) {
    const shop = about();
    form.hidden = !shop;
    if (!shop) return;
    ({ until: closed } = await get(`/v1/periods?shop=${encodeURIComponent(shop.id)}`));
    state.textContent = closed ? `The books of ${shop.name} are closed up to ${closed}.` : `The books of ${shop.name} were never closed.`;
    until.max = dayBefore(today);
    until.value ||= until.max;
  }
  return { refresh };
}

const amountField = (testid, label) =>
  el("input", { testid, inputmode: "decimal", autocomplete: "off", required: true, placeholder: label, "aria-label": label });

/** The drawer of this till. What should be in it is told after it was counted, or when somebody asks for the report. */
export function shiftSection(root) {
  const send = sender();
  const float = amountField("shift-float", "Float");
  const openForm = el("form", { class: "row" }, float, el("button", { testid: "shift-open" }, "Open the drawer"));
  const amount = amountField("cash-amount", "Amount");
  const direction = el("select", { testid: "cash-direction", "aria-label": "In or out" },
    el("option", { value: "out" }, "Taken out"), el("option", { value: "in" }, "Put in"));
  const reason = el("input", { testid: "cash-reason", autocomplete: "off", maxlength: 200, required: true, placeholder: "Why: bank, supplier, change", "aria-label": "Why" });
  const cashForm = el("form", { class: "stack" }, el("div", { class: "row" }, direction, amount), el("div", { class: "row" }, reason, el("button", { testid: "cash-save" }, "Record")));
  const counted = amountField("shift-counted-input", "Counted in the drawer");
  const closeForm = el("form", { class: "stack" }, counted, el("button", { class: "primary", testid: "shift-close" }, "Close the shift"));
  const state = el("p", { class: "hint", role: "status", testid: "shift-state" });
  const unseen = el("p", { class: "hint", role: "status", testid: "unverified", hidden: true });
  const x = el("div", { class: "stack", testid: "shift-report", hidden: true });
  const tellSoFar = async () => x.hidden || x.replaceChildren(...report(await get("/v1/shift/report")).filter(Boolean));
  const asked = button("Report so far", async () => {
    x.hidden = !x.hidden;
    await tellSoFar();
  }, { testid: "shift-x" });
  const reports = el("section", { class: "stack" });
  const past = shiftReports(reports, () => shop);
  let shop = null;
  root.replaceChildren(el("h2", {}, "Drawer"), state, unseen, openForm, cashForm, closeForm, asked, x, reports);
  onSubmit(openForm, async () => {
    await send("/v1/shift/open", { float: float.value.trim() });
    float.value = "";
  });
  onSubmit(cashForm, async () => {
    await send("/v1/shift/cash", { amount: amount.value.trim(), direction: direction.value, reason: reason.value });
    amount.value = reason.value = "";
  });
  onSubmit(closeForm, async () => {
    await send("/v1/shift/close", { counted: counted.value.trim() });
    counted.value = "";
    x.hidden = true;
  });
  async function refresh(ofShop) {
    shop = ofShop;
    const { opened, unverified } = await get("/v1/shift");
    unseen.hidden = unverified.shift === "0.00" && unverified.till === "0.00";
    unseen.textContent = unverified.text;
    state.textContent = opened ? `Open since ${when(opened)}.` : "Nobody has said what lay in the drawer.";
    openForm.hidden = Boolean(opened);
    await Promise.all([past.refresh(), tellSoFar()]);
  }
  return { refresh };
}

/** Gives back in cash what was paid too much for a sale. */
export async function giveBack(sale) {
  const why = await askReason(`Give ${kes(sale.over)} of sale ${sale.reference} back in cash?`, ["Goods came back", "Paid too much", "Entered wrongly"]);
  if (why) await sender()(`/v1/sales/${encodeURIComponent(sale.id)}/refund`, { reason: why });
}
