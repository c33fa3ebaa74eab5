// What has become of a sale: printed, stored, sent, at head office, reconciled. And its receipt on paper.

import { api, button, byId, cents, decimal, el, grouped, kes, page, salePath, stateText, uuid, when } from "./api.js";

/** Why the money of a sale is not settled, for people. */
const UNSETTLED = {
  due: "it is not paid yet",
  conflict: "another sale claims its payment too",
  disputed: "Safaricom's messages disagree about its payment",
  over: "money has to be given back",
  unseen: "the payment of its code has not come yet",
  unconfirmed: "only Safaricom's message tells of its payment, which a second source has to confirm",
};

/** The last stage a sale has come to, for lists. */
export function stageText({ stages }) {
  if (stages.reconciled) return "reconciled";
  if (stages.head_office) return "at head office";
  return stages.sent ? "sent" : "not sent yet";
}

/** What the next stage waits for, in a sentence. */
function waitsFor({ stages }) {
  if (!stages.sent) return "Stored on this till, and not in the cloud yet: it is sent as soon as there is a line.";
  if (!stages.head_office) return "Stored here and in the cloud. Head office has not fetched it yet.";
  if (stages.unsettled) return `Not reconciled: ${UNSETTLED[stages.unsettled] ?? stages.unsettled}.`;
  return stages.reconciled ? "Every shilling of it is accounted for, and head office knows."
    : "Head office does not know yet how it was paid.";
}

export function stageList(sale) {
  const { printed, stored, sent, head_office, reconciled } = sale.stages;
  const stage = (name, done, testid, more) => el("li", { class: done ? "done" : "", testid: `stage-${testid}`, "data-state": done ? "done" : "open" },
    el("span", { "aria-hidden": true }, done ? "✓" : "○"), ` ${done ? "" : "not "}${name}`, more && el("small", {}, more));
  return [
    el("ol", { class: "stages", "aria-label": "How far this sale has come" },
      stage("printed", printed, "printed", printed && when(printed)), stage("stored", stored, "stored"), stage("sent", sent, "sent"),
      stage("at head office", head_office, "head-office"), stage("reconciled", reconciled, "reconciled")),
    el("p", { class: "hint", testid: "reach" }, waitsFor(sale))];
}

/** The receipt as this browser prints it: what was sold, what was taken off, what was paid, and no more than is known. */
function slip(sale) {
  const row = (name, amount) => el("tr", {}, el("td", {}, name), el("td", { class: "number" }, amount));
  const line = (item) => [
    row([item.name, el("br"), `${item.quantity} × ${grouped(item.unit_price)}`], grouped(item.amount)),
    item.discount && row(`with ${grouped(item.discount.amount)} off: ${item.discount.reason}`, "")];
  const whole = sale.lines.reduce((sum, item) => sum + cents(item.amount), 0) - cents(sale.total);
  const receipts = sale.claims.filter((claim) => claim.leads).map((claim) => `M-Pesa ${claim.receipt}`);
  return el("section", { class: "slip" },
    el("h2", {}, byId("shop").textContent), el("p", {}, `Sale ${sale.reference} · ${sale.at.slice(0, 10)} ${sale.at.slice(11, 16)}`),
    el("p", {}, `${sale.till_name}, ${sale.by}`),
    el("table", {}, el("tbody", {}, sale.lines.flatMap(line),
      whole > 0 && row("Off the whole sale", `−${grouped(decimal(whole))}`),
      el("tr", {}, el("th", {}, "Total"), el("th", { class: "number" }, kes(sale.total))),
      sale.taxes.map((tax) => row(`${tax.basis_points / 100}% tax in it`, grouped(tax.amount))),
      sale.rounding !== "0.00" && row("Rounded, as there are no smaller coins", grouped(sale.rounding)))),
    sale.stages.printed && el("p", {}, "COPY"), el("p", {}, el("strong", {}, stateText(sale))), receipts.map((text) => el("p", {}, text)));
}

/** Prints the receipt, and records that it came out when the cashier says so: a browser does not know. */
export function printing(id, sale) {
  let request = uuid();
  const out = button("Yes, it came out", async () => {
    await api("POST", `${salePath(id)}/printed`, { by: page.by() }, { "Idempotency-Key": request });
    request = uuid();
    asked.hidden = true;
  }, { testid: "receipt-out" });
  const asked = el("p", { class: "warn between", role: "status", hidden: true }, "Did the receipt come out of the printer?", out);
  const print = el("button", { type: "button", testid: "print-receipt", onclick: () => {
    const paper = slip(sale());
    document.body.append(paper);
    window.print();
    paper.remove();
    asked.hidden = false;
  } }, "Print receipt");
  return el("div", { class: "stack" }, print, asked);
}
