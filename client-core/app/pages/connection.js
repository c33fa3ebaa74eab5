// How this ledger stands with the rest of the world, on both pages: the line, what waits, what was refused and why,
// and at a till the other tills of its shop.

import { api, button, clockText, el, get, many, onSubmit, show, when } from "./api.js";

/** The state of the line in a few words: for the pill, and as the first words of the section. */
export function lineText(status) {
  if (!status) return "Leja is not answering";
  if (status.problem) return "Needs attention";
  if (status.syncing) return `Syncing ${status.syncing.have} of ${status.syncing.of}`;
  if (status.online) return "Online";
  return status.offline_since ? `Offline since ${when(status.offline_since)}` : "Offline";
}

const entries = (count) => many(count, "entry", "entries");

/** What the state of the line means for the person who reads it. */
function lineMeans(status) {
  if (status.problem) return status.problem;
  if (status.syncing) return "What is new in the cloud is coming. Selling goes on.";
  if (status.online) return status.waiting ? "Everything is on its way." : "Everything is sent.";
  return "Selling goes on. Everything is kept here and is sent when the line is back.";
}

/** So many of so many, as a bar. */
function bar(testid, text, { have, of }) {
  return el("label", { class: "bar-of", testid }, `${text} ${have} of ${of}`, el("progress", { max: of || 1, value: have }));
}

/** What of a status this section shows: whatever else changes paints nothing anew. */
const shownOf = ({ online, problem, syncing, history, offline_since, last_contact, waiting, refused, set_aside, notices, clock, clock_jumped_ms }) =>
  ({ online, problem, syncing, history, offline_since, heard: last_contact && when(last_contact), waiting, refused, set_aside, notices, clock_jumped_ms, clock });

function paintLine(status, isOpen) {
  return [
    el("p", { testid: "line" }, el("strong", {}, lineText(status)), el("br"), lineMeans(status)),
    status.syncing && bar("syncing", "Syncing", status.syncing),
    status.history && bar("history-progress", "History of the shop", status.history),
    el("ul", { class: "facts hint", testid: "line-facts" },
      status.waiting > 0 && el("li", { class: "ink" }, `${entries(status.waiting)} made here ${status.waiting === 1 ? "waits" : "wait"} to be sent`),
      el("li", {}, status.heard ? `Cloud last heard ${status.heard}` : "Cloud not heard yet"),
      clockText(status) && el("li", { class: "ink" }, `Clock: ${clockText(status)}`)),
    status.refused > 0 && el("details", { class: "card", testid: "set-aside", open: isOpen },
      el("summary", { testid: "set-aside-open" }, `${many(status.refused, "thing was", "things were")} refused and set aside`),
      el("p", { class: "hint" }, "Nothing of it was lost, and nothing waits for it. Tell whoever looks after Leja."),
      el("ul", { class: "reasons" }, status.set_aside.map((text) => el("li", {}, text)),
        status.refused > status.set_aside.length && el("li", {}, `and ${status.refused - status.set_aside.length} more`))),
    status.notices.length > 0 && el("ul", { class: "plain stack", testid: "notices" }, status.notices.map((text) => el("li", { class: "warn" }, text))),
  ];
}

function siblingLine(sibling) {
  const met = sibling.last_contact ? `met ${when(sibling.last_contact)}` : "not met yet";
  const waits = [sibling.waiting > 0 && `${entries(sibling.waiting)} for it wait here`, sibling.carried > 0 && `${entries(sibling.carried)} of it are brought to the cloud from here`];
  return el("li", { testid: `sibling-${sibling.letter}` },
    el("span", { class: "letter" }, sibling.letter),
    el("span", { class: "grow" }, sibling.name, el("small", {}, [met, sibling.address, ...waits].filter(Boolean).join(" · "))));
}

/** A place that somebody typed, or that leads to no till now. */
function placeLine(place, siblings) {
  const there = siblings.find((sibling) => sibling.address === place.address);
  return el("li", { class: place.problem ? "warn" : "", testid: `place-${place.address}` },
    el("span", { class: "grow" }, place.address, el("small", {}, place.problem ?? (there ? `${there.name} is there` : "being tried"))),
    place.typed && button("Forget", () => api("DELETE", `/v1/siblings/${encodeURIComponent(place.address)}`), { class: "quiet", testid: `forget-${place.address}` }));
}

function paintSiblings({ siblings, places, notice }) {
  const shown = places.filter((place) => place.problem || place.typed || !siblings.some((sibling) => sibling.address === place.address));
  return [
    siblings.length ? el("ul", { class: "members" }, siblings.map(siblingLine)) : el("p", { class: "hint" }, "This till knows no other till of its shop."),
    shown.length > 0 && el("ul", { class: "members" }, shown.map((place) => placeLine(place, siblings))),
    notice && el("p", { class: "warn", testid: "siblings-notice" }, notice)];
}

/** Fills a section; `sells` says that this is a till, which has siblings. */
export function connectionSection(root, sells) {
  const [line, siblings] = [el("div", { class: "stack" }), el("div", { class: "stack", testid: "siblings" })];
  const address = el("input", { testid: "sibling-address", autocomplete: "off", required: true, maxlength: 210, placeholder: "192.168.1.20:8311", "aria-label": "Address of another till" });
  const form = el("form", { class: "row" }, address, el("button", { testid: "sibling-add" }, "Add"));
  onSubmit(form, async () => {
    await api("POST", "/v1/siblings", { address: address.value.trim() });
    address.value = "";
  });
  root.replaceChildren(el("h2", {}, "Connection"), line,
    ...(sells ? [el("h3", {}, "Other tills of this shop"), siblings,
      el("details", {}, el("summary", { testid: "add-sibling" }, "Add a till by its address"), el("p", { class: "hint" }, "Only where tills do not find each other by themselves."), form)] : []));

  async function refresh(status) {
    show(line, shownOf(status), (shown) => paintLine(shown, line.querySelector("details")?.open));
    if (sells) show(siblings, await get("/v1/siblings"), paintSiblings);
  }
  return { refresh };
}
