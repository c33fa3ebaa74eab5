// Payments that more than one sale wants: one card with the evidence, the same at every till and at head office, and the
// ways out of it.

import { askReason, button, el, get, HOW, kes, onSubmit, page, post, saleLink, when } from "./api.js";
import { phoneText } from "./match.js";

/** The conflicts that a sale is part of. */
export async function conflictsOf(sale) {
  const { conflicts } = await get(`/v1/conflicts?shop=${encodeURIComponent(sale.shop)}`);
  return conflicts.filter((conflict) => conflict.claims.some((claim) => claim.sale.id === sale.id));
}

export function conflictCard(sale, conflict, askRelease) {
  const leader = conflict.claims.find((claim) => claim.leads);
  const own = conflict.claims.filter((claim) => claim.sale.id === sale.id);
  const rival = conflict.claims.find((claim) => claim.sale.id !== sale.id);
  const lost = leader && leader.sale.id !== sale.id;
  const heading = lost ? `Code ${conflict.receipt} is already used for sale ${leader.sale.reference} at ${leader.sale.till_name}`
    : `Sale ${rival?.sale.reference} at ${rival?.sale.till_name} claims the same payment`;
  return el("section", { class: "card bad stack", testid: "conflict-card" },
    el("h3", {}, heading),
    evidence(conflict.payment),
    el("ul", { class: "facts" }, conflict.claims.map(claimLine)),
    leader && el("p", {}, `Sale ${leader.sale.reference} has it: ${conflict.why}. Compare the name on the customer's message; keep it for the sale that was paid.`),
    el("div", { class: "chips" },
      conflict.claims.map((claim) => button(`Keep it for ${claim.sale.reference}`, () => keep(conflict, claim), { testid: `keep-${claim.sale.id}` })),
      own.map((claim) => button("Release this claim", () => askRelease({ id: claim.id, receipt: conflict.receipt }), { class: "danger", testid: `release-${claim.id}` })),
      rival?.here && el("a", { class: "button", href: saleLink(rival.sale.id) }, `Show sale ${rival.sale.reference}`)),
    lost && page.refunds && collectForm(sale, conflict));
}

function evidence(payment) {
  if (!payment) return el("p", {}, "Safaricom has not told of this payment yet.");
  return el("p", {}, el("strong", {}, kes(payment.amount)), ` from ${payment.payer_name || "an unknown payer"} `, phoneText(payment.payer_phone), `, paid ${when(payment.paid_at)}`);
}

const claimLine = (claim) => el("li", {}, [`${claim.sale.reference} at ${claim.sale.till_name}`, HOW[claim.how] ?? claim.how, when(claim.at), claim.by, claim.leads && "has it"].filter(Boolean).join(" · "));

async function keep(conflict, claim) {
  const reason = await askReason(`Keep ${conflict.receipt} for sale ${claim.sale.reference}?`, ["The name is this customer's", "Code typed wrongly at the other", "Customer came back"],
    "The claims of the other sales are released; they owe the money again.");
  if (reason) await post(`/v1/conflicts/${encodeURIComponent(conflict.receipt)}/keep`, { sale: claim.sale.id, reason, shop: conflict.shop });
}

/** The customer of the sale that lost it pays again: what is due is asked of their phone. */
function collectForm(sale, conflict) {
  const phone = el("input", { testid: "collect-phone", type: "tel", autocomplete: "off", required: true, placeholder: "0712 345 678", "aria-label": "Phone of this sale's customer" });
  const form = el("form", { class: "row" }, phone, el("button", { testid: "collect-again" }, "Collect again"));
  onSubmit(form, () => post(`/v1/conflicts/${encodeURIComponent(conflict.receipt)}/collect`, { sale: sale.id, phone: phone.value, shop: conflict.shop }));
  return form;
}
