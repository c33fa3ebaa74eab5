// Which payment is a sale's: what may fit with reasons, and one field for a code, its end, or a pasted message.

import { button, cents, decimal, el, get, grouped, kes, kesOf, notify, onSubmit, post, salePath, saleLink, show, when } from "./api.js";

/** The last three digits are what customer and cashier compare. */
export const phoneText = (phone) => phone ? el("span", {}, phone.slice(0, -3), el("b", { class: "digits" }, phone.slice(-3))) : "";

/** Says that a payment is for a sale, with what was noted of it (`part`, `phone`); whoever thinks again takes it back at once. */
export async function claim(sale, receipt, how, noted = {}) {
  const after = await decided((more) => post(`${salePath(sale.id)}/claims`, { receipt, how, ...noted, ...more }));
  if (!after) return;
  const made = after.claims.find((each) => each.receipt === receipt);
  location.hash = saleLink(sale.id);
  notify(`${receipt} is used for sale ${sale.reference}.`, made && (() => release(made, "undone at once")));
}

export const release = (made, reason) => post(`/v1/claims/${encodeURIComponent(made.id)}/release`, { reason });

/** Does what a limit or another till may stand against. A manager allows the one, whoever is here decides the other;
 * resolves to nothing where they do not. */
export async function decided(ask) {
  const more = {};
  for (;;) {
    try {
      return await ask(more);
    } catch (error) {
      if (error.kind === "leja:over-limit" && !more.manager) more.manager = await askManager(error.message);
      else if (error.kind === "leja:claimed-first" && !more.despite) more.despite = await askWhether(error.message, "Claim it all the same");
      else throw error;
      if (error.kind === "leja:over-limit" ? !more.manager : !more.despite) return null;
    }
  }
}

/** A question with one way on; resolves to the answer if that was taken, else to null. */
function question(children, yes, answer) {
  return new Promise((resolve) => {
    const row = el("div", { class: "row" }, el("button", { type: "button", onclick: () => box.close() }, "Do not"),
      el("button", { class: "primary", testid: "decide", value: "ok" }, yes));
    const box = el("dialog", { testid: "question" }, el("form", { method: "dialog", class: "stack" }, children, row));
    box.addEventListener("close", () => {
      box.remove();
      resolve(box.returnValue === "ok" ? answer() : null);
    });
    document.body.append(box);
    box.showModal();
  });
}

export const askWhether = (why, yes) => question([el("h2", {}, "Look again"), el("p", {}, why)], yes, () => true);

/** A manager with a PIN allows it; resolves to `{id, pin}`, or to null. */
async function askManager(why) {
  const { items } = await get("/v1/catalogue/staff");
  const managers = items.filter((each) => each.role === "manager" && each.active && each.has_pin);
  if (!managers.length) throw new Error(`${why} No manager has a PIN here: head office sets one.`);
  const who = el("select", { testid: "manager", "aria-label": "Manager" }, managers.map((each) => el("option", { value: each.id }, each.name)));
  const pin = el("input", { testid: "manager-pin", type: "password", inputmode: "numeric", autocomplete: "off", required: true, placeholder: "PIN", "aria-label": "Manager's PIN" });
  return question([el("h2", {}, "A manager has to allow it"), el("p", {}, why), who, pin], "Allow it", () => ({ id: who.value, pin: pin.value }));
}

// ---- The list ---------------------------------------------------------------------------------

export function candidateList(sale, { candidates, used, as_of }) {
  const fresh = as_of ? `Payments known as of ${when(as_of)}.` : "No payments have come from Safaricom yet.";
  const others = used.length > 0 && el("details", { testid: "used-payments" },
    el("summary", {}, `Used for other sales (${used.length})`), el("div", { class: "stack" }, used.map(usedRow)));
  if (candidates.length === 0) {
    return [el("section", { class: "card stack" }, el("h3", {}, "No M-Pesa Payment Found"),
      el("p", {}, `No unclaimed payment of ${kes(sale.due)}. ${fresh}`),
      el("ul", {},
        el("li", {}, "Compare the amount on the customer's message; it must be the same to the shilling."),
        el("li", {}, "Type the code of the message: it is verified when the payment arrives."),
        el("li", {}, "Or wait: the sale stays open and settles by itself."))), others];
  }
  return el("section", { class: "stack" }, el("p", { class: "hint" }, fresh), candidates.map((fit) => candidateRow(sale, fit)), others);
}

function candidateRow(sale, fit) {
  return button(candidateText(fit), () => claim(sale, fit.receipt, "picked"),
    { class: fit.in_window ? "choice" : "choice faint", testid: `candidate-${fit.receipt}` });
}

/** It can not be picked: another sale has it. */
const usedRow = (fit) => el("div", { class: "choice used", testid: `used-${fit.receipt}` }, candidateText(fit));

function candidateText(fit) {
  const by = fit.used_by && `used for sale ${fit.used_by.reference} at ${fit.used_by.till_name}`;
  return [
    el("span", { class: "between" },
      el("span", {}, el("strong", {}, fit.payer_name || "Name not known"), el("br"), phoneText(fit.payer_phone)),
      el("span", { class: "end" }, el("strong", {}, kesOf(fit.free, fit.amount)), el("br"), `${when(fit.paid_at)} · ${fit.receipt}`)),
    el("span", { class: "chips" },
      by && el("span", { class: "chip" }, by), fit.reasons.map((reason) => el("span", { class: "chip" }, reason)),
      !fit.in_window && el("span", { class: "chip warn" }, "paid at another time: look twice")),
  ].filter(Boolean);
}

// ---- The code field ---------------------------------------------------------------------------

/** A field for what the customer shows. What is known of it is said while it is typed; it claims only when sent. */
export function codeField(current) {
  const input = el("input", { testid: "code-input", autocomplete: "off", autocapitalize: "characters", required: true,
    placeholder: "Code, its last 5, or the whole message", "aria-label": "M-Pesa code, its last five characters, or the whole message" });
  const phone = el("input", { class: "short", testid: "phone-end", inputmode: "numeric", autocomplete: "off", pattern: "[0-9]{3}", maxlength: 3, placeholder: "149",
    "aria-label": "The last three digits of the customer's phone; may be left out" });
  const part = el("input", { class: "short", testid: "code-part", inputmode: "decimal", autocomplete: "off", placeholder: "all",
    "aria-label": "How much of the payment is for this sale, in shillings; may be left out" });
  const send = el("button", { class: "primary", testid: "code-submit" }, "Use code");
  const told = el("div", { class: "stack", role: "status", testid: "code-told" });
  const node = el("form", { class: "stack", hidden: true }, el("div", { class: "row" }, input, send),
    el("label", { class: "between hint" }, "Last 3 digits of the phone, if seen", phone),
    el("label", { class: "between hint" }, "Only a part of the payment, in KES", part), told);
  let asked = 0;

  const look = () => post("/v1/codes", { sale: current().id, text: input.value });

  async function tell() {
    const turn = (asked += 1);
    const text = input.value.trim();
    const said = text.length >= 5 ? await look().catch(() => null) : null;
    // What was typed meanwhile is looked at by itself.
    if (turn === asked) show(told, said, () => said ? saidOf(current(), said) : []);
  }
  let pause = 0;
  input.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(tell, 250);
  });

  onSubmit(node, async () => {
    const said = await look();
    const only = said.found.length === 1 && !said.found[0].used_by && said.found[0];
    const much = part.value.trim();
    if (much && !cents(much)) return notify("Enter how much of the payment is for this sale, such as 250, or nothing for all of it.");
    const noted = { phone: phone.value.trim() || null, part: much ? decimal(cents(much)) : null };
    if (said.receipt) await claim(current(), said.receipt, "typed", noted);
    else if (only) await claim(current(), only.receipt, "picked", noted);
    else return show(told, said, () => saidOf(current(), said));
    close();
  });

  function close() {
    asked += 1;
    node.hidden = true;
    input.value = phone.value = part.value = "";
    show(told, null, () => []);
  }
  return { node, close };
}

/** What is known of a code: what speaks against it, and the payments it may be. */
function saidOf(sale, said) {
  const message = [said.amount && kes(said.amount), said.name, said.at && when(said.at)].filter(Boolean).join(", ");
  const same = said.found.some((fit) => fit.receipt === said.receipt);
  const found = !said.found.length ? said.receipt && "Not seen yet: it is verified when the payment arrives."
    : same ? "Safaricom told of this payment." : said.what === "ending" ? "Payments that end so:" : "Nearly this code:";
  return [
    said.what === "message" && el("p", {}, el("strong", {}, said.receipt), message && `: ${message}`),
    said.warnings.map((warning) => el("p", { class: "warn", testid: `warning-${warning.kind}` }, warning.text)),
    found && el("p", { class: "hint" }, found),
    said.found.map((fit) => fit.used_by ? usedRow(fit) : candidateRow(sale, fit)),
  ].flat();
}

// ---- Sales of one total -----------------------------------------------------------------------

/** Other open sales that owe the same, and what tells them apart. Said before the customer pays. */
export function sameTotal(sale, paybill) {
  const apart = paybill ? `Have the customer give ${sale.reference} as account number, or ask for the code afterwards.`
    : "Ask for the code, or the end of the phone number, before you choose a payment.";
  return sale.same_total.map((other) => el("p", { class: "hint warn", testid: "same-amount" },
    `Sale ${other.sale.reference} also waits for ${kes(sale.due)}`,
    other.goods.length ? ` (${other.goods.slice(0, 3).join(", ")}).` : ".",
    ` ${when(other.at)}, ${other.by}. ${apart}`));
}

// ---- From a payment's side --------------------------------------------------------------------

/** The sales a payment may be for, the best first. */
export async function salesFor(payment) {
  const { candidates } = await get(`/v1/payments/${encodeURIComponent(payment.receipt)}/candidates?shop=${encodeURIComponent(payment.shop)}`);
  return candidates;
}

export const saleChoice = (payment, fit) => button([
  el("span", { class: "between" }, el("strong", {}, `Use for sale ${fit.sale.reference}`), el("strong", {}, `${grouped(fit.due)} due`)),
  el("span", { class: "chips" }, el("span", { class: "chip" }, `${fit.sale.till_name}, ${when(fit.at)}`),
    fit.reasons.map((reason) => el("span", { class: "chip" }, reason)),
    !fit.in_window && el("span", { class: "chip warn" }, "sold at another time: look twice")),
], () => claim(fit.sale, payment.receipt, "picked"), { class: fit.in_window ? "choice" : "choice faint", testid: `use-${fit.sale.id}` });
