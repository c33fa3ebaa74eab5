// What becomes of a sale's money and goods: cash for all or a part of it with change, what was paid too much, and goods
// that come back.

import { askReason, button, cents, decimal, el, kes, notify, onSubmit, page, post, salePath } from "./api.js";

/** By how much less or more than an amount the customer pays in coins; the API says it once the cash was taken. */
const paidInCoins = (sale) => cents(sale.rounding.replace("-", "")) * (sale.rounding.startsWith("-") ? -1 : 1);

/** Says how much change there is, once the till knows what was to be paid. */
export function tellChange(given, due, sale) {
  const change = given - due - paidInCoins(sale);
  if (change > 0) notify(`Change: ${kes(decimal(change))}.`);
}

/** Takes cash: what the customer gives, up to what is due. An empty field means exactly that. */
export function cashField(current) {
  const given = el("input", { testid: "cash-given", inputmode: "decimal", autocomplete: "off", placeholder: "Cash given", "aria-label": "Cash given; empty for just what is due" });
  const node = el("form", { class: "row" }, given, el("button", { testid: "take-cash" }, "Take cash"));
  onSubmit(node, async () => {
    const [sale, typed] = [current(), given.value.trim()];
    const [due, amount] = [cents(sale.due), typed && cents(typed)];
    if (typed && !amount) return notify("Enter an amount such as 250 or 99.50.");
    const after = await post(`${salePath(sale.id)}/cash`, typed && amount < due ? { amount: decimal(amount) } : {});
    given.value = "";
    if (typed) tellChange(amount, due, after);
  });
  return node;
}

/** The ways for what was paid too much: back in cash, left on the payment, or kept as a tip. */
export function overChoices(sale) {
  const paid = sale.claims.some((claim) => claim.leads && claim.verified && !claim.reversed);
  const stands = sale.state !== "voided";
  return el("div", { class: "stack" },
    el("div", { class: "chips" },
      page.refunds && button("Given back in cash", () => page.refunds(sale), { testid: "refund" }),
      paid && stands && button("Keep as credit", () => post(`${salePath(sale.id)}/credit`), { testid: "leave-credit" })),
    stands && page.takesTips.has(sale.shop) && tipField(sale));
}

/** Keeps as a tip what the customer leaves of it; an empty field means all. */
function tipField(sale) {
  const left = el("input", { testid: "tip-amount", inputmode: "decimal", autocomplete: "off", placeholder: `Tip, up to ${sale.over}`,
    "aria-label": `Tip in shillings; empty for all of ${kes(sale.over)}` });
  const node = el("form", { class: "row" }, left, el("button", { testid: "keep-tip" }, "Keep as tip"));
  onSubmit(node, async () => {
    const typed = left.value.trim();
    if (typed && !cents(typed)) return notify("Enter an amount such as 20, or nothing for all of it.");
    await post(`${salePath(sale.id)}/tip`, typed ? { amount: decimal(cents(typed)) } : {});
  });
  return node;
}

const SAID = { cash: "Cash taken", refund: "Money given back", return: "Goods that came back", tip: "Tip" };

/** What was said of a sale and can be taken back as a mistake. */
export function mistakes(sale) {
  const undo = async (it) => {
    const reason = await askReason(`Take back: ${SAID[it.said]}, ${kes(it.amount)}?`, ["Entered wrongly", "Wrong sale", "Wrong amount"]);
    if (reason) await post(`${salePath(sale.id)}/undo`, { what: it.what, reason });
  };
  const row = (it) => el("div", { class: "card row" }, el("p", { class: "grow" }, `${SAID[it.said]}, ${kes(it.amount)}`),
    button("Take back", () => undo(it), { class: "quiet", testid: `undo-${it.said}` }));
  return sale.mistakable.length > 0 && el("details", { testid: "mistakes" }, el("summary", {}, "Entered by mistake?"), sale.mistakable.map(row));
}

/** Goods that come back, also of an old sale: so much of each line. */
export function returnForm(current) {
  const lines = el("div", { class: "stack" });
  const restock = el("input", { type: "checkbox", testid: "restock" });
  const node = el("form", { class: "card stack", hidden: true }, el("h3", {}, "What comes back?"), lines,
    el("label", { class: "check" }, restock, "It can be sold again"),
    el("button", { class: "danger", testid: "return-goods" }, "Take back"));
  function open() {
    const sale = current();
    restock.checked = true;
    lines.replaceChildren(...sale.lines.map((line, index) => el("label", { class: "between" },
      el("span", {}, line.name, el("small", {}, `${left(sale, index)} of ${line.quantity} with the customer`)),
      el("input", { class: "short", testid: `return-${index}`, inputmode: "decimal", autocomplete: "off", placeholder: "0", "data-line": index }))));
  }
  onSubmit(node, async () => {
    const typed = [...lines.querySelectorAll("input")].filter((input) => input.value.trim());
    if (!typed.length) return notify("Say how much of which line comes back.");
    const reason = await askReason("Why do the goods come back?", ["Wrong goods", "Damaged", "Customer changed their mind"]);
    if (!reason) return;
    const goods = typed.map((input) => ({ line: Number(input.dataset.line), quantity: input.value.trim() }));
    await post(`${salePath(current().id)}/returns`, { goods, restock: restock.checked, reason });
    node.hidden = true;
  });
  const flip = el("button", { type: "button", class: "quiet", testid: "take-back", onclick: () => {
    node.hidden = !node.hidden;
    if (!node.hidden) {
      open();
      lines.querySelector("input")?.focus();
    }
  } }, "Goods come back");
  return { node, flip };
}

/** How much of a line did not come back yet, in thousandths, so that the sum is exact. */
function left(sale, index) {
  const milli = (text) => Math.round(Number(text) * 1000);
  const back = sale.returns.flatMap((each) => each.goods).filter((it) => it.line === index);
  return (milli(sale.lines[index].quantity) - back.reduce((sum, it) => sum + milli(it.quantity), 0)) / 1000;
}
