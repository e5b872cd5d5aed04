"""The closed vocabulary of the log: what can be recorded, with which details, and how it reads.

To add an action, add a row. To add a detail, add its key to `optional`. Never add a key to `required` of an action
that is in use, and never take a key away: entries written before would then be findings.

The verbs are those of GDPR art. 4(2) where it has one: record, consult, disclose, combine, restrict, erase.
Details hold codes, opaque ids, counts, times (ms UTC) and digests (hex): never names, identifiers or text of people.
A key that ends in `_hash` or `_digest` is a SHA-256 in hex; one that ends in `_at` is a moment in ms UTC.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from audit.errors import NotInVocabulary

# How long details are kept, by class (policies/retention.toml says how many years): who came in, who read what, what was
# done in a case, what left an agency, and what the log needs to explain itself as long as it exists.
RETENTION_CLASSES = ("login", "access", "case", "disclosure", "program")

# What may stand beside any action: where it came from, whom it was about, under which processing activity. Refs are
# opaque (`S-7F3K-Q2.1`), and classes stand in the order of the refs, `role:age_band`. `rows` says what the act made of
# the rows of the database: table -> row -> keyed digest, "" for a row that is gone. `keys` names the keys that were used, by
# the agency or purpose that they belong to and their version (`agency:<id>:1`). `caused_by`, trace id and span id, is the work
# of which an entry with a trace of its own is part. session_hash, network_hash and
# account_hash are keyed digests, cut to 32 hex digits.
COMMON = frozenset("session_hash network_hash device subject_refs subject_classes activity rows keys caused_by".split())


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that the log can say, with the detail keys it must and may carry besides `COMMON`.

    `effect` is C, R, U, D or E: created, read, updated, deleted or executed (DICOM PS3.15, FHIR AuditEvent.action).
    """

    name: str
    effect: str
    retention_class: str
    details_required: frozenset[str]
    details_optional: frozenset[str]
    summary_nl: str
    summary_en: str


def _action(
    name: str, effect: str, retention_class: str, *, nl: str, en: str, required: str = "", optional: str = ""
) -> Action:
    return Action(name, effect, retention_class, frozenset(required.split()), frozenset(optional.split()), nl, en)


_TABLE: tuple[Action, ...] = (
    # --- the program and its rules
    _action(
        "system:init",
        "E",
        "program",
        required="origin version",
        optional="mode previous_origin previous_size previous_root",
        nl="Het logboek is begonnen",
        en="The log was started",
    ),
    _action(
        "policy:load",
        "E",
        "program",
        required="policy_digest",
        optional="previous_digest version valid_from changed grounds routes unreviewed demo",
        nl="De regels zijn geladen",
        en="The rules were loaded",
    ),
    _action(
        "policy:consult",
        "R",
        "access",
        required="view",
        optional="policy_digest previous_digest count file_hash",
        nl="De regels zijn bekeken, vergeleken of afgedrukt",
        en="The rules were consulted, compared or printed",
    ),
    _action(
        "decision:replay",
        "E",
        "program",
        required="count",
        optional="same different signal disclosure policy_digest",
        nl="Eerdere beslissingen zijn opnieuw doorgerekend",
        en="Earlier decisions were replayed",
    ),
    _action(
        "job:run",
        "E",
        "program",
        required="job slot",
        optional="count duration_ms result idle failed",
        nl="Een taak van het programma heeft gedraaid",
        en="A scheduled job ran",
    ),
    # --- keys
    _action(
        "key:make",
        "C",
        "program",
        required="purpose",
        optional="agency key_version key_fingerprint",
        nl="Een sleutel is gemaakt",
        en="A key was made",
    ),
    _action(
        "key:rotate",
        "U",
        "program",
        required="purpose",
        optional="key_fingerprint previous_fingerprint agency key_version size cause count stage",
        nl="Een sleutel is vervangen",
        en="A key was replaced",
    ),
    _action(
        "key:destroy",
        "D",
        "program",
        required="purpose key_fingerprint",
        optional="agency key_version",
        nl="Een sleutel is vernietigd",
        en="A key was destroyed",
    ),
    _action(
        "key:use",
        "E",
        "access",
        required="purpose",
        optional="agency key_version count signal disclosure",
        nl="Een sleutel is gebruikt",
        en="A key was used",
    ),
    _action(
        "key:consult",
        "R",
        "access",
        required="view",
        optional="count",
        nl="De stand van de sleutels is bekeken",
        en="The state of the keys was consulted",
    ),
    _action(
        "key:export",
        "E",
        "program",
        required="size",
        optional="key_fingerprint file_hash",
        nl="De sleutelbos is geëxporteerd voor twee bewaarders",
        en="The key ring was exported for two keepers",
    ),
    _action(
        "key:restore",
        "E",
        "program",
        required="size",
        optional="key_fingerprint file_hash cause",
        nl="De sleutelbos is teruggezet door twee bewaarders",
        en="The key ring was restored by two keepers",
    ),
    # --- logging in, accounts, agencies
    _action(
        "login:succeed",
        "E",
        "login",
        required="method",
        optional="session_hash network_hash device step_up",
        nl="Iemand heeft zich aangemeld",
        en="Someone logged in",
    ),
    _action(
        "login:fail",
        "E",
        "login",
        required="method",
        optional="account_hash attempts locked_until network_hash step_up",
        nl="Aanmelden is niet gelukt",
        en="An attempt to log in failed",
    ),
    _action(
        "login:end",
        "E",
        "login",
        required="cause",
        optional="session_hash",
        nl="Een sessie is beëindigd",
        en="A session ended",
    ),
    _action(
        "account:record",
        "C",
        "program",
        required="account agency roles",
        optional="approver motivation_hash kind",
        nl="Een account is aangemaakt",
        en="An account was made",
    ),
    _action(
        "account:change",
        "U",
        "program",
        required="account changed",
        optional="agency roles_added roles_removed active approver motivation_hash",
        nl="Een account is gewijzigd",
        en="An account was changed",
    ),
    _action(
        "account:consult",
        "R",
        "access",
        required="view",
        optional="account agency count page filters",
        nl="Accounts zijn bekeken",
        en="Accounts were consulted",
    ),
    _action(
        "agency:consult",
        "R",
        "access",
        required="view",
        optional="agency count",
        nl="Organisaties zijn bekeken",
        en="Agencies were consulted",
    ),
    _action(
        "agency:record",
        "U",
        "program",
        required="agency",
        optional="kind destinations changed active key_fingerprint approver motivation_hash policy_digest",
        nl="Een organisatie is vastgelegd of gewijzigd",
        en="An agency was recorded or changed",
    ),
    # --- drafts and signals
    _action(
        "draft:record",
        "C",
        "access",
        required="draft",
        optional="step size expires_at",
        nl="Een concept is bewaard",
        en="A draft was kept",
    ),
    _action(
        "draft:consult",
        "R",
        "access",
        required="draft",
        optional="step",
        nl="Een concept is geopend",
        en="A draft was opened",
    ),
    _action(
        "draft:erase",
        "D",
        "access",
        required="draft cause",
        optional="signal",
        nl="Een concept is gewist",
        en="A draft was erased",
    ),
    _action(
        "signal:record",
        "C",
        "case",
        required="signal subjects identifier_kinds policy_digest",
        optional=(
            "categories indicators form_version sources text_hash masked attachments correction_of key_version draft "
            "legal_basis purpose urgency minor consent facts_hash retention_class"
        ),
        nl="Een signaal is vastgelegd",
        en="A signal was recorded",
    ),
    _action(
        "signal:consult",
        "R",
        "access",
        required="signal",
        optional="view fields purpose task file_hash",
        nl="Een signaal is bekeken",
        en="A signal was consulted",
    ),
    _action(
        "signal:list",
        "R",
        "access",
        required="view count",
        optional="filters search_kinds page purpose",
        nl="Een overzicht is bekeken of doorzocht",
        en="A list was consulted or searched",
    ),
    _action(
        "signal:withdraw",
        "U",
        "case",
        required="signal",
        optional="cause motivation_hash recipients_told",
        nl="Een signaal is ingetrokken",
        en="A signal was withdrawn",
    ),
    _action(
        "signal:close",
        "U",
        "case",
        required="signal result",
        optional="motivation_hash retention_class",
        nl="Een signaal is afgesloten",
        en="A signal was closed",
    ),
    _action(
        "identity:consult",
        "R",
        "disclosure",
        required="signal subject purpose ground fields",
        optional="ground_digest approver motivation_hash request expires_at watermark policy_digest emergency review_due_at recipient categories conditions legal_basis decisions",
        nl="De identiteit van een betrokkene is bekeken",
        en="The identity of a subject was consulted",
    ),
    _action(
        "identity:list",
        "R",
        "access",
        required="view count",
        optional="reasons request",
        nl="Verzoeken om een identiteit zijn bekeken",
        en="Requests for an identity were consulted",
    ),
    _action(
        "identity:request",
        "C",
        "disclosure",
        required="request signal subject ground purpose",
        optional="ground_digest policy_digest fields motivation_hash emergency recipient categories reasons near missing decisions obligations",
        nl="Iemand vraagt wie een betrokkene is",
        en="Someone asks who a subject is",
    ),
    _action(
        "identity:decide",
        "U",
        "disclosure",
        required="request result",
        optional="signal subject ground ground_digest policy_digest fields motivation_hash expires_at requester recipient purpose categories conditions legal_basis decisions obligations",
        nl="Een tweede persoon heeft over een identiteit besloten",
        en="A second person decided about an identity",
    ),
    _action(
        "identity:end",
        "U",
        "access",
        required="request cause",
        optional="signal subject recipient",
        nl="De tijd om een identiteit te bekijken is voorbij",
        en="The time to see an identity is over",
    ),
    _action(
        "subject:request",
        "C",
        "case",
        required="request signal subject ground",
        optional="motivation_hash",
        nl="Iemand vraagt om een betrokkene te wissen",
        en="Someone asks to erase a subject",
    ),
    _action(
        "subject:decide",
        "U",
        "case",
        required="request result",
        optional="signal subject motivation_hash requester recipients_told exception",
        nl="Een tweede persoon heeft over wissen besloten",
        en="A second person decided about erasing",
    ),
    _action(
        "subject:erase",
        "D",
        "case",
        required="signal subject",
        optional="request cause links count rule",
        nl="Een betrokkene is gewist",
        en="A subject was erased",
    ),
    _action(
        "attachment:record",
        "C",
        "case",
        required="attachment",
        optional="signal draft media_type bytes virus_check text_state kinds count",
        nl="Een bijlage is toegevoegd",
        en="An attachment was added",
    ),
    _action(
        "attachment:refuse",
        "E",
        "access",
        required="cause",
        optional="signal draft media_type bytes kinds",
        nl="Een bijlage is geweigerd",
        en="An attachment was refused",
    ),
    _action(
        "attachment:download",
        "R",
        "disclosure",
        required="attachment",
        optional="signal draft media_type bytes",
        nl="Een bijlage is gedownload",
        en="An attachment was downloaded",
    ),
    _action(
        "attachment:erase",
        "D",
        "case",
        required="attachment",
        optional="signal draft cause count",
        nl="Een bijlage is gewist",
        en="An attachment was erased",
    ),
    _action(
        "text:check",
        "E",
        "access",
        required="signal place result",
        optional="count kinds attempts",
        nl="Een tekst is nagelezen op herkenbare woorden",
        en="A text was read for identifying words",
    ),
    _action(
        "text:confirm",
        "U",
        "case",
        required="signal place",
        optional="count masked freed freed_kinds added kinds shelter",
        nl="De indiener heeft de afgeschermde woorden bevestigd",
        en="The submitter confirmed the masked words",
    ),
    # --- linking
    _action(
        "link:propose",
        "C",
        "case",
        required="link signals evidence_kinds",
        optional="strength score_permille key_version excluded policy_digest",
        nl="Het programma stelt voor om signalen te koppelen",
        en="The program proposed to combine signals",
    ),
    _action(
        "link:confirm",
        "U",
        "case",
        required="link signals",
        optional="strength motivation_hash approver",
        nl="Iemand heeft een koppeling bevestigd",
        en="Someone confirmed a link",
    ),
    _action(
        "link:refuse",
        "U",
        "case",
        required="link signals",
        optional="strength motivation_hash undone recipients_told",
        nl="Iemand heeft een koppeling afgewezen of ongedaan gemaakt",
        en="Someone refused or undid a link",
    ),
    _action(
        "link:end",
        "U",
        "case",
        required="link signals",
        optional="strength motivation_hash recipients_told",
        nl="Iemand heeft een koppeling losgemaakt",
        en="Someone ended a link",
    ),
    _action(
        "link:undo",
        "U",
        "case",
        required="link signals",
        optional="result strength motivation_hash recipients_told",
        nl="Iemand heeft een besluit over een koppeling teruggedraaid",
        en="Someone took a decision about a link back",
    ),
    _action(
        "link:merge",
        "C",
        "case",
        required="link signals",
        optional="strength motivation_hash evidence_kinds",
        nl="Iemand heeft twee betrokkenen samengevoegd",
        en="Someone merged two subjects",
    ),
    _action(
        "link:split",
        "U",
        "case",
        required="signal subject count",
        optional="signals links motivation_hash recipients_told",
        nl="Iemand heeft een betrokkene uit een groep gehaald",
        en="Someone took a subject out of a group",
    ),
    _action(
        "link:acknowledge",
        "U",
        "case",
        required="signal",
        nl="Iemand heeft gelezen dat een koppeling niet klopte",
        en="Someone read that a link was wrong",
    ),
    _action(
        "exclusion:consult",
        "R",
        "access",
        required="view",
        optional="exclusion count",
        nl="De uitsluitlijst is bekeken",
        en="The exclusion list was consulted",
    ),
    _action(
        "exclusion:record",
        "C",
        "case",
        required="exclusion kind",
        optional="review_due_at motivation_hash key_version count",
        nl="Een waarde telt niet meer mee bij het koppelen",
        en="A value does not count for linking any more",
    ),
    _action(
        "exclusion:review",
        "U",
        "case",
        required="exclusion",
        optional="kind review_due_at motivation_hash result",
        nl="Een waarde van de uitsluitlijst is opnieuw beoordeeld",
        en="A value of the exclusion list was reviewed",
    ),
    _action(
        "exclusion:end",
        "U",
        "case",
        required="exclusion",
        optional="kind motivation_hash cause",
        nl="Een waarde telt weer mee bij het koppelen",
        en="A value counts for linking again",
    ),
    # --- triage and route
    _action(
        "signal:triage",
        "U",
        "case",
        required="signal result",
        optional="urgency motivation_hash policy_digest facts_hash",
        nl="Een signaal is beoordeeld bij binnenkomst",
        en="A signal was triaged",
    ),
    _action(
        "signal:route",
        "E",
        "case",
        required="signal routes policy_digest",
        optional="questions facts_hash chosen urgency motivation_hash decisions",
        nl="De meldroutes voor een signaal zijn bepaald",
        en="The routes for a signal were determined",
    ),
    # --- enriching
    _action(
        "enrich:search",
        "E",
        "disclosure",
        required="count hits",
        optional="asks size",
        nl="Een partner heeft een eigen lijst met open vragen vergeleken",
        en="A partner compared an own list with open questions",
    ),
    _action(
        "enrich:ask",
        "E",
        "disclosure",
        required="ask signal asked purpose",
        optional="ground ground_digest legal_basis conditions fields categories due_at policy_digest motivation_hash",
        nl="Een organisatie is om verrijking gevraagd",
        en="An agency was asked to enrich",
    ),
    _action(
        "enrich:answer",
        "C",
        "disclosure",
        required="ask signal answer",
        optional=(
            "ground ground_digest legal_basis fields categories policy_digest motivation_hash text_hash late anonymous "
            "correction"
        ),
        nl="Een organisatie heeft op een vraag geantwoord",
        en="An agency answered",
    ),
    _action(
        "enrich:compare",
        "E",
        "case",
        required="signal source",
        optional="ask count result key_version ground policy_digest",
        nl="Gegevens zijn vergeleken met een bron",
        en="Data were compared with a source",
    ),
    _action(
        "enrich:consult",
        "R",
        "access",
        required="signal",
        optional="ask view count fields purpose",
        nl="Vragen of antwoorden bij een signaal zijn bekeken",
        en="Questions or answers about a signal were consulted",
    ),
    # --- the table
    _action(
        "table:schedule",
        "U",
        "case",
        required="meeting starts_at",
        optional="table agencies signals changed",
        nl="Een overleg is gepland of gewijzigd",
        en="A meeting was scheduled or changed",
    ),
    _action(
        "table:note",
        "C",
        "case",
        required="meeting signal",
        optional="note note_hash",
        nl="Een aantekening is gemaakt bij een overleg",
        en="A note was made at a meeting",
    ),
    _action(
        "table:decide",
        "U",
        "case",
        required="meeting signal decision",
        optional="agencies present tasks due_at motivation_hash routes policy_digest",
        nl="De tafel heeft een besluit genomen",
        en="The table took a decision",
    ),
    _action(
        "table:consult",
        "R",
        "access",
        required="meeting",
        optional="signal view count fields",
        nl="De stukken van een overleg zijn bekeken",
        en="The papers of a meeting were consulted",
    ),
    # --- disclosing
    _action(
        "disclosure:prepare",
        "E",
        "access",
        required="signal recipient purpose permitted policy_digest",
        optional="disclosure ground ground_digest categories fields conditions legal_basis reasons decisions subjects",
        nl="Een verstrekking is voorbereid; het voorbeeld is getoond",
        en="A disclosure was prepared; the preview was shown",
    ),
    _action(
        "disclosure:request",
        "C",
        "disclosure",
        required="disclosure signal recipient purpose ground ground_digest categories fields policy_digest",
        optional=(
            "conditions legal_basis motivation_hash obligations payload_hash expires_at emergency decisions provider "
            "subjects"
        ),
        nl="Een verstrekking wacht op een tweede persoon",
        en="A disclosure waits for a second person",
    ),
    _action(
        "disclosure:approve",
        "U",
        "disclosure",
        required="disclosure signal recipient",
        optional="requester ground ground_digest payload_hash motivation_hash policy_digest",
        nl="Een tweede persoon heeft een verstrekking goedgekeurd",
        en="A second person approved a disclosure",
    ),
    _action(
        "disclosure:reject",
        "U",
        "disclosure",
        required="disclosure signal recipient",
        optional="requester ground motivation_hash expired",
        nl="Een tweede persoon heeft een verstrekking afgewezen",
        en="A second person rejected a disclosure",
    ),
    # conditions is a list of {code, evidence_hash}; provider is absent in entries of before 2026-11-23
    _action(
        "signal:disclose",
        "E",
        "disclosure",
        required=(
            "disclosure signal recipient purpose ground ground_digest categories fields conditions legal_basis "
            "policy_digest payload_hash"
        ),
        optional=(
            "approver motivation_hash obligations sealed_for subjects consent emergency review_due_at inform_due_at "
            "watermark retention_class decisions provider"
        ),
        nl="Gegevens zijn verstrekt aan een andere organisatie",
        en="Data were disclosed to another agency",
    ),
    _action(
        "disclosure:consult",
        "R",
        "access",
        required="disclosure",
        optional="signal view fields payload_hash watermark purpose",
        nl="Een verstrekking is geopend",
        en="A disclosure was opened",
    ),
    _action(
        "disclosure:accept",
        "U",
        "disclosure",
        required="disclosure",
        optional="signal due_at motivation_hash",
        nl="De ontvanger heeft een verstrekking aangenomen",
        en="The recipient accepted a disclosure",
    ),
    _action(
        "disclosure:return",
        "U",
        "disclosure",
        required="disclosure",
        optional="signal cause motivation_hash",
        nl="De ontvanger heeft een verstrekking teruggegeven",
        en="The recipient returned a disclosure",
    ),
    _action(
        "disclosure:feedback",
        "U",
        "disclosure",
        required="disclosure result",
        optional="signal text_hash fields",
        nl="De ontvanger heeft teruggekoppeld",
        en="The recipient gave feedback",
    ),
    # --- what is owed after a disclosure
    _action(
        "duty:fulfil",
        "U",
        "disclosure",
        required="disclosure kind result",
        optional="duty signal due_at late motivation_hash requester",
        nl="Aan een plicht na een verstrekking is voldaan",
        en="A duty after a disclosure was fulfilled",
    ),
    _action(
        "duty:postpone",
        "U",
        "disclosure",
        required="disclosure kind due_at",
        optional="duty signal previous_due_at motivation_hash",
        nl="Een plicht na een verstrekking is met reden uitgesteld",
        en="A duty after a disclosure was postponed with a reason",
    ),
    _action(
        "consent:withdraw",
        "U",
        "disclosure",
        required="disclosure",
        optional="signal motivation_hash recipients_told withdrawn_at",
        nl="De toestemming onder een verstrekking is ingetrokken",
        en="The consent behind a disclosure was withdrawn",
    ),
    # --- what was refused
    _action(
        "access:refuse",
        "E",
        "access",
        required="permission",
        optional="resource_type resource reasons method endpoint",
        nl="Toegang is geweigerd",
        en="Access was refused",
    ),
    _action(
        "request:refuse",
        "E",
        "access",
        required="cause",
        optional="method endpoint fields count status network_hash",
        nl="Een verzoek is geweigerd",
        en="A request was refused",
    ),
    _action(
        "disclosure:refuse",
        "E",
        "disclosure",
        required="signal recipient purpose reasons policy_digest",
        optional="disclosure ground ground_digest categories fields conditions legal_basis decisions near missing",
        nl="Een verstrekking is geweigerd",
        en="A disclosure was refused",
    ),
    # --- the log itself
    _action(
        "log:consult",
        "R",
        "access",
        required="view",
        optional="count filters page purpose",
        nl="Het logboek is bekeken",
        en="The log was consulted",
    ),
    _action(
        "log:export",
        "E",
        "program",
        required="size",
        optional="root kind files count period_from period_to agency manifest_hash request",
        nl="Het logboek of een deel ervan is geëxporteerd",
        en="The log or a part of it was exported",
    ),
    _action(
        "log:request",
        "C",
        "access",
        required="request",
        optional="kind purpose period_from period_to agency",
        nl="Een export van het logboek is aangevraagd",
        en="An export of the log was requested",
    ),
    # size counts this entry too: the checkpoint that it announces covers it.
    _action(
        "checkpoint:sign",
        "E",
        "program",
        required="size",
        optional="root previous_size sent_to key",
        nl="De stand van het logboek is ondertekend",
        en="The state of the log was signed",
    ),
    # --- checking the log, and what was found
    _action(
        "log:check",
        "R",
        "program",
        required="findings",
        optional="kinds entries root checkpoints duration_ms",
        nl="Het logboek is nagekeken",
        en="The log was checked",
    ),
    _action(
        "log:rows",
        "E",
        "program",
        required="cause rows",
        optional="count incident at",
        nl="Vingerafdrukken van rijen in de database zijn vastgelegd",
        en="Fingerprints of rows of the database were recorded",
    ),
    _action(
        "incident:open",
        "C",
        "program",
        required="incident kind",
        optional="at finding_hash",
        nl="Bij een controle is iets gevonden dat niet klopt",
        en="A check found something that is not right",
    ),
    _action(
        "incident:consult",
        "R",
        "access",
        required="view",
        optional="incident count",
        nl="Meldingen over het logboek zijn bekeken",
        en="Incidents about the log were consulted",
    ),
    _action(
        "incident:close",
        "U",
        "program",
        required="incident result",
        optional="motivation_hash",
        nl="Een melding over het logboek is afgehandeld",
        en="An incident about the log was settled",
    ),
    _action(
        "checkpoint:send",
        "E",
        "program",
        required="size sent_to",
        optional="mails",
        nl="De stand van het logboek is naar organisaties gestuurd",
        en="The state of the log was sent to agencies",
    ),
    _action(
        "checkpoint:fetch",
        "R",
        "access",
        required="size",
        optional="view",
        nl="Een organisatie heeft een stand van het logboek opgehaald",
        en="An agency fetched a state of the log",
    ),
    _action(
        "checkpoint:compare",
        "R",
        "program",
        required="result",
        optional="size kinds",
        nl="Een bewaarde stand is met het logboek vergeleken",
        en="A kept state was compared with the log",
    ),
    _action(
        "receipt:fetch",
        "R",
        "access",
        required="disclosure entry",
        optional="view size",
        nl="Het bewijs van een verstrekking is opgehaald",
        en="The receipt of a disclosure was fetched",
    ),
    _action(
        "system:restore",
        "E",
        "program",
        required="size",
        optional="lost_size lost_root erased previous_fingerprint source_hash",
        nl="De database is teruggezet uit een kopie",
        en="The database was restored from a copy",
    ),
    # --- the auditor at work
    _action(
        "sample:draw",
        "C",
        "program",
        required="sample seed count population",
        optional="filters size root population_hash stratified",
        nl="Er is een steekproef getrokken",
        en="A sample was drawn",
    ),
    _action(
        "sample:judge",
        "U",
        "program",
        required="sample disclosure result",
        optional="finding_hash",
        nl="Een verstrekking uit een steekproef is beoordeeld",
        en="A disclosure from a sample was judged",
    ),
    _action(
        "sample:conclude",
        "U",
        "program",
        required="sample result",
        optional="count report_hash conclusion_hash",
        nl="Een steekproef is afgesloten",
        en="A sample was concluded",
    ),
    _action(
        "sample:consult",
        "R",
        "access",
        required="view",
        optional="sample count file_hash",
        nl="Een steekproef is bekeken of opgehaald",
        en="A sample was consulted or fetched",
    ),
    # --- questions about how the data are used
    _action(
        "misuse:ask",
        "C",
        "access",
        required="rule question",
        optional="agency count size",
        nl="Aan een organisatie is gevraagd wat de aanleiding was van wat het logboek laat zien",
        en="An agency was asked about the reason for what the log shows",
    ),
    _action(
        "misuse:settle",
        "U",
        "access",
        required="rule question result",
        optional="agency count size motivation_hash",
        nl="Een vraag over wat het logboek laat zien is beantwoord",
        en="A question about what the log shows was answered",
    ),
    # --- who saw this person's data
    _action(
        "report:request",
        "C",
        "disclosure",
        required="report",
        optional="signal motivation_hash",
        nl="Er is een overzicht gevraagd van wie de gegevens van een persoon zag",
        en="A report was asked of who saw a person's data",
    ),
    _action(
        "report:decide",
        "U",
        "disclosure",
        required="report decision",
        optional="signal motivation_hash requester ground expires_at",
        nl="Over het verstrekken van een overzicht is besloten",
        en="It was decided whether a report may be handed over",
    ),
    _action(
        "report:consult",
        "R",
        "disclosure",
        required="report view",
        optional="signal count file_hash",
        nl="Een overzicht van wie gegevens zag is bekeken of opgehaald",
        en="A report of who saw data was consulted or fetched",
    ),
    # --- keeping and erasing
    _action(
        "retention:erase",
        "D",
        "program",
        required="rule count",
        optional="object_type objects classes cause ground policy_digest approver motivation_hash entries",
        nl="Gegevens zijn gewist volgens de bewaartermijn of op verzoek",
        en="Data were erased, at the end of their term or on request",
    ),
    _action(
        "retention:overdue",
        "R",
        "program",
        required="rule count",
        optional="object_type objects oldest_at policy_digest",
        nl="Er zijn gegevens waarvan de bewaartermijn voorbij is",
        en="There are data past their term",
    ),
    _action(
        "deadline:overdue",
        "E",
        "access",
        required="rule count",
        optional="object_type objects oldest_at mails policy_digest",
        nl="Iemand is te laat met antwoorden; er is een herinnering klaargezet",
        en="Someone is late in answering; a reminder was prepared",
    ),
)

ACTIONS: Mapping[str, Action] = {action.name: action for action in _TABLE}


def check(action: str, details: Mapping[str, object]) -> None:
    """Accept details that have every required key of the action and no undeclared one; else raise NotInVocabulary."""
    declared = ACTIONS.get(action)
    if declared is None:
        raise NotInVocabulary("expected an action of the vocabulary, found another")
    missing = declared.details_required - details.keys()
    if missing:
        raise NotInVocabulary(f"{declared.name}: expected the details {_some(missing)} too")
    undeclared = details.keys() - declared.details_required - declared.details_optional - COMMON
    if undeclared:
        raise NotInVocabulary(f"{declared.name}: expected declared details only, found {_some(undeclared)}")


def _some(keys: Iterable[object]) -> str:
    # Keys are written by programmers; those of a stranger's file can be anything, so they are cut short.
    shown = sorted(ascii(key)[1:-1][:40] for key in keys)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
