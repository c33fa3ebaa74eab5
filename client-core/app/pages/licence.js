// How a shop stands with its licence, in words, on both pages.

import { kes, many } from "./api.js";

const howToPay = ({ pay }) => pay ? ` Pay ${kes(pay.amount)} to paybill ${pay.paybill}, account ${pay.reference}, for ${many(pay.days, "day")}.` : "";
const kept = ({ credit }) => credit === "0.00" ? "" : ` ${kes(credit)} is kept for the next payment.`;

/** A sentence or two; empty where no licence is needed. */
export function licenceText(licence) {
  const until = licence.until?.slice(0, 10);
  switch (licence.state) {
    case "licensed": return `Licensed until ${until}.${kept(licence)}`;
    case "grace": return `No licence since ${until}. Selling goes on for ${many(licence.grace_days, "day")}.${howToPay(licence)}${kept(licence)}`;
    case "expired": return `No licence since ${until}: no new sales.${howToPay(licence)} What is open can be finished.${kept(licence)}`;
    default: return "";
  }
}

/** Whether somebody has to pay. */
export const licenceWarns = (licence) => licence.state === "grace" || licence.state === "expired";
