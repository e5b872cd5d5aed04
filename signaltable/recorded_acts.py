"""What each way into the program leaves in the log: every page with its method, every command, every job.

Whoever adds a page, a command or a job adds a row here, or says why it leaves nothing. tests/guards/test_recorded_acts.py
makes the list of ways in from the program itself and compares; tests/web/test_nothing_missing.py goes through them and
reads the log. What is refused leaves `access:refuse` or `request:refuse` whichever way it came.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leaves:
    """What one way in leaves when it goes through: `acts` always, one of `either`, `also` sometimes; or `why` nothing."""

    acts: frozenset[str] = frozenset()
    either: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    why: str = ""

    @property
    def all(self) -> frozenset[str]:
        """Everything that it may leave."""
        return self.acts | self.either | self.also


def _leaves(acts: str = "", *, either: str = "", also: str = "") -> Leaves:
    return Leaves(frozenset(acts.split()), frozenset(either.split()), frozenset(also.split()))


def _nothing(why: str) -> Leaves:
    return Leaves(why=why)


def left_by(method: str, endpoint: str | None) -> frozenset[str]:
    """What a page leaves in the log whenever it goes through, by which it counts for the budgets of a day (rates.toml)."""
    row = WEB.get(f"{'GET' if method == 'HEAD' else method} {endpoint or ''}")
    return row.acts | row.either if row else frozenset()


EMPTY_FORM = "an empty form, with choices out of the rules; sending it is recorded"
CHALLENGE = "a random number for a device, kept for some minutes; what is answered is recorded"
# What comes of a consultation of a signal's answers, and of opening it with the key of an agency.
_DOSSIER = "signal:consult enrich:consult"
_DISCLOSED = "disclosure:prepare identity:consult"

WEB: Mapping[str, Leaves] = {
    # --- coming in and going out
    "GET static": _nothing("files of the program, the same for everybody"),
    "GET account.healthy": _nothing("one word for a proxy, about nobody"),
    "GET watching.ready": _nothing("whether this process takes work, about nobody"),
    "GET account.log_in": _nothing("an empty form for strangers; every attempt is recorded"),
    "POST account.log_in": _leaves(also="login:succeed login:fail login:end account:change"),
    "POST account.log_out": _leaves("login:end"),
    "POST passkeys.ask_anybody": _nothing(CHALLENGE),
    "POST passkeys.ask_second": _nothing(CHALLENGE),
    "POST passkeys.ask_again": _nothing(CHALLENGE),
    "POST passkeys.ask_for_new": _nothing(CHALLENGE),
    "POST passkeys.log_in": _leaves("login:succeed", also="login:fail login:end"),
    "GET passkeys.add": _nothing("an empty form about the own account; sending it is recorded"),
    "POST passkeys.add": _leaves("factor:record", also="login:succeed login:fail login:end"),
    "POST leaving.leave": _leaves(also="login:end"),
    "GET leaving.security": _nothing("who hears of weak places in the program, the same for everybody"),
    "POST account.choose_language": _nothing("a choice that is kept in the own browser"),
    "GET account.second_step": _nothing("boxes for the second step of a login that is under way"),
    "POST account.second_step": _leaves(either="login:succeed login:fail", also="login:end factor:remove"),
    "GET account.activate": _nothing("an empty form for strangers; every code that is wrong is recorded"),
    "POST account.activate": _leaves(also="login:fail"),
    "GET account.activate_choose": _nothing("boxes for who has a code; using it is recorded"),
    "POST account.activate_choose": _leaves(
        either="account:activate login:fail", also="login:end login:succeed factor:remove"
    ),
    "GET account.security": _leaves(also="session:consult"),
    "POST account.begin_app": _nothing("a secret that counts for nothing yet; adding the app is recorded"),
    "GET account.app": _leaves(also="key:use"),
    "POST account.app": _leaves(also="factor:record login:succeed login:end login:fail key:use"),
    "POST account.recovery_codes": _leaves("factor:record"),
    "POST account.rename_factor": _leaves(also="factor:record session:consult"),
    "POST account.remove_factor": _leaves(also="factor:remove login:end session:consult"),
    "POST account.end_session": _leaves(either="login:end session:consult"),
    "GET account.choose_password": _nothing("an empty form about the own account; sending it is recorded"),
    "POST account.choose_password": _leaves("account:change", also="login:end login:fail"),
    "GET provider.start": _nothing("leads a stranger to their organisation; what comes back is recorded"),
    "GET provider.come_back": _leaves(
        also="login:succeed login:fail login:end provider:bind account:record account:change key:use incident:open"
    ),
    "POST provider.prove": _nothing("keeps an own form, sealed and for minutes; the proof that follows is recorded"),
    "GET provider.sign_out": _nothing("leads on to where an organisation ends its own session"),
    "POST provider.ended_there": _leaves(also="login:end"),
    "GET provider.listing": _leaves("account:consult"),
    "POST provider.test": _leaves("account:consult"),
    "POST provider.release": _leaves(also="provider:release login:end login:succeed"),
    "POST provider.forget_factors": _leaves(also="factor:remove login:end login:succeed"),
    "POST provider.emergency_account": _leaves(also="account:change login:end login:succeed"),
    "GET overview.home": _nothing("the address people type: leads on and shows nothing"),
    "GET overview.show": _leaves("signal:list"),
    # --- texts that wait for the text reader
    "GET text_checks.listing": _nothing("which own texts wait, without a word of them"),
    "GET text_checks.show": _leaves("signal:consult"),
    "POST text_checks.confirm": _leaves("text:confirm signal:consult"),
    # --- an own list against the open questions
    "GET blind_check.show": _nothing("an empty form, with how many lists are left today; sending it is recorded"),
    "POST blind_check.check": _leaves("enrich:search"),
    # --- exclusion list
    "GET exclusions.listing": _leaves("exclusion:consult"),
    "GET exclusions.add": _nothing(EMPTY_FORM),
    "POST exclusions.add": _leaves("exclusion:record"),
    "GET exclusions.review": _leaves("exclusion:consult"),
    "POST exclusions.review": _leaves("exclusion:consult", either="exclusion:review exclusion:end"),
    # --- systems of partners: their accounts, and what they ask by themselves
    "GET machines.listing": _leaves("machine:consult"),
    "GET machines.add": _nothing(EMPTY_FORM),
    "POST machines.add": _leaves("machine:record"),
    "GET machines.show": _leaves("machine:consult"),
    "POST machines.change": _leaves("machine:consult machine:record"),
    "POST machines.renew": _leaves("machine:consult machine:record"),
    "POST machines.end": _leaves("machine:record"),
    "POST api.token": _leaves("machine:token", also="login:fail"),
    "GET api.own": _nothing("the own account, for nobody else"),
    "GET api.description": _nothing("what the API is, the same for everybody"),
    "GET api.checkpoint": _leaves("checkpoint:fetch"),
    "GET api.questions": _leaves("signal:list"),
    "GET api.question": _leaves("enrich:consult"),
    "POST api.answer": _leaves("enrich:answer"),
    "POST api.lists": _leaves("enrich:search"),
    # --- access in acute danger
    "GET emergency.open_case": _nothing(
        "an empty form, with what is open now and how often is left today; sending it is recorded"
    ),
    "POST emergency.opened": _leaves(either="emergency:open emergency:consult access:refuse"),
    "GET emergency.show": _leaves(either="signal:consult emergency:consult", also="enrich:consult"),
    "POST emergency.close": _leaves("emergency:end"),
    "GET emergency.notice": _leaves("emergency:consult"),
    "GET emergency.listing": _leaves("emergency:consult"),
    "GET emergency.look_back": _leaves("emergency:consult"),
    "POST emergency.judge": _leaves("emergency:review", also="emergency:end incident:open"),
    # --- roles for some time, and the look at who can do what
    "GET grants.listing": _leaves("grant:consult"),
    "GET grants.give": _leaves("grant:consult"),
    "POST grants.give": _leaves("grant:consult grant:record"),
    "POST grants.take_away": _leaves("grant:end", also="login:end"),
    "GET rights.listing": _leaves("rights:consult"),
    "GET rights.agency": _leaves("rights:consult"),
    "POST rights.sign": _leaves("rights:consult rights:sign"),
    "GET rights.show": _leaves("rights:consult"),
    "GET rights.as_table": _leaves("rights:consult"),
    "GET rights.as_paper": _leaves("rights:consult"),
    # --- accounts and agencies
    "GET admin.listing": _leaves("account:consult"),
    "GET admin.account": _leaves("account:consult"),
    "POST admin.account": _leaves("account:change", also="account:consult login:end"),
    "POST admin.mail_address": _leaves("account:consult", also="account:change"),
    "POST admin.invite": _leaves("account:invite", also="login:end"),
    "POST admin.end_sessions": _leaves("session:consult", also="login:end"),
    "GET admin.add_account": _nothing(EMPTY_FORM),
    "POST admin.add_account": _leaves("account:record account:invite"),
    "GET admin.agencies": _leaves("agency:consult"),
    "GET admin.tables_listing": _leaves("agency:consult"),
    "GET admin.add_table": _nothing(EMPTY_FORM),
    "POST admin.add_table": _leaves("table:record"),
    "GET admin.change_table": _leaves("agency:consult"),
    "POST admin.change_table": _leaves("agency:consult table:record"),
    "POST admin.close_table": _leaves(also="table:record request:refuse"),
    "POST admin.reopen_table": _leaves("table:record"),
    "GET keys.show": _leaves("key:consult"),
    "GET mails.show": _leaves("job:consult"),
    "GET jobs.listing": _leaves("job:consult"),
    "GET jobs.history": _leaves("job:consult"),
    "GET mails.follow": _nothing("leads on to the page of an own task, or to the work list, and shows nothing"),
    "GET account.own": _nothing("where the own mails go, for nobody else"),
    "POST account.own": _leaves(also="account:change"),
    "GET admin.add_agency": _nothing(EMPTY_FORM),
    "POST admin.add_agency": _leaves("agency:record key:make"),
    # --- a signal, from draft to submitted
    "GET intake.start": _leaves("signal:list"),
    "POST intake.start": _leaves("draft:record"),
    "GET intake.safety": _leaves("draft:consult"),
    "POST intake.safety": _leaves("draft:consult draft:record"),
    "GET intake.seen": _leaves("draft:consult"),
    "POST intake.seen": _leaves("draft:consult draft:record"),
    "GET intake.about": _leaves("draft:consult"),
    "POST intake.about": _leaves("draft:consult draft:record"),
    "GET intake.subject": _leaves("draft:consult"),
    "POST intake.subject": _leaves("draft:consult draft:record"),
    "GET intake.danger": _leaves("draft:consult"),
    "GET intake.check": _leaves("draft:consult"),
    "POST intake.check": _leaves(
        "draft:consult", also="signal:record draft:record text:confirm draft:erase signal:route link:propose"
    ),
    "POST intake.discard": _leaves("draft:erase"),
    "GET attachments.draft": _leaves("draft:consult", also="draft:record"),
    "POST attachments.draft": _leaves(either="attachment:record attachment:refuse draft:consult", also="draft:record"),
    "GET attachments.draft_file": _leaves("attachment:download"),
    "POST attachments.remove_from_draft": _leaves("attachment:erase"),
    "GET attachments.signal": _leaves("signal:consult"),
    "POST attachments.signal": _leaves(either="attachment:record attachment:refuse signal:consult"),
    "GET attachments.file": _leaves("attachment:download"),
    "POST attachments.remove": _leaves(either="attachment:erase signal:consult"),
    "GET signals.listing": _leaves("signal:list"),
    "GET signals.show": _leaves("signal:consult", also="disclosure:consult"),
    "GET signals.receipt": _leaves("signal:consult"),
    "POST signals.identity": _leaves("signal:consult identity:consult", also="disclosure:consult"),
    "GET reflection.listing": _leaves("signal:list"),
    "GET reflection.note": _nothing(EMPTY_FORM),
    "POST reflection.record": _leaves("reflection:record", also="signal:consult"),
    "GET reflection.show": _leaves("signal:consult"),
    "POST reflection.end": _leaves("reflection:end", also="signal:consult"),
    "POST signals.keep": _leaves("retention:postpone", also="signal:consult"),
    "POST signals.close": _leaves(
        "signal:close",
        also="identity:consult signal:consult disclosure:consult table:settle escalation:settle disclosure:reject",
    ),
    "POST signals.withdraw": _leaves(
        "signal:withdraw", also="identity:consult signal:consult link:end link:propose disclosure:consult"
    ),
    "GET links.listing": _leaves("signal:list"),
    "GET links.show": _leaves("signal:list"),
    "POST links.decide": _leaves(either="link:confirm link:refuse", also="link:propose signal:list"),
    "POST links.end": _leaves("link:end", also="link:propose"),
    "POST links.merge": _leaves("link:merge", also="link:refuse"),
    "POST links.undo": _leaves("link:undo", also="link:propose"),
    "GET links.merge_own": _nothing(EMPTY_FORM),
    "POST links.merge_own": _leaves("link:merge", also="link:refuse"),
    "GET links.split": _leaves("signal:list"),
    "POST links.split": _leaves("signal:list link:split", also="link:propose"),
    "POST links.read_notice": _leaves("link:acknowledge"),
    # --- triage, questions, the table
    "GET triage.listing": _leaves("signal:list"),
    "GET triage.show": _leaves("signal:consult", also="enrich:consult"),
    "POST triage.close": _leaves("signal:close", also=f"{_DOSSIER} table:settle escalation:settle disclosure:reject"),
    "POST triage.judge": _leaves("signal:triage", also=_DOSSIER),
    "POST asking.preview": _leaves("enrich:consult", also=_DOSSIER),
    "POST asking.ask": _leaves("enrich:ask", also=f"{_DOSSIER} disclosure:refuse"),
    "GET asking.progress": _leaves("signal:list"),
    "GET asking.show": _leaves("enrich:consult"),
    "POST asking.remind": _leaves("enrich:remind"),
    "POST asking.postpone": _leaves("enrich:postpone", also="enrich:consult"),
    "POST asking.withdraw": _leaves("enrich:withdraw", also="enrich:consult"),
    "GET questions.listing": _leaves("signal:list"),
    "GET questions.show": _leaves("enrich:consult"),
    "GET questions.answers": _leaves("signal:list"),
    "POST questions.withdraw_context": _leaves("enrich:withdraw"),
    "POST questions.compare": _leaves("enrich:compare", also="enrich:consult"),
    "POST questions.answer": _leaves("enrich:answer", also="text:confirm enrich:consult"),
    "GET table.listing": _leaves("signal:list"),
    "POST table.schedule": _leaves("table:schedule", also="signal:list"),
    "GET table.change": _leaves("table:consult"),
    "POST table.change": _leaves("table:consult", also="table:schedule"),
    "POST table.cancel": _leaves("table:schedule"),
    "GET table.show_calendar": _leaves("signal:list"),
    "GET table.calendar_file": _leaves("signal:list"),
    "GET table.meeting_file": _leaves("table:consult"),
    "GET table.attendance": _leaves("table:consult"),
    "POST table.answer_meeting": _leaves("table:attend", also="table:consult"),
    "POST table.note_presence": _leaves("table:attend", also="table:consult"),
    "GET table.move": _leaves("signal:consult"),
    "POST table.move": _leaves(
        either="signal:move disclosure:refuse signal:consult", also="signal:consult table:schedule"
    ),
    "GET table.agenda": _leaves("table:consult"),
    "POST table.put_on_agenda": _leaves("table:schedule", also="table:consult"),
    "POST table.reorder": _leaves("table:schedule", also="table:consult"),
    "POST table.take_off": _leaves("table:schedule", also="table:consult"),
    "GET table.item": _leaves("table:consult signal:consult", also="enrich:consult"),
    "POST table.note": _leaves("table:note", also=f"text:confirm table:consult {_DOSSIER}"),
    "POST table.decide": _leaves("table:decide", also=f"table:consult table:assign signal:close {_DOSSIER}"),
    "POST table.assign": _leaves("table:assign", also=f"table:consult {_DOSSIER}"),
    "GET screen.begin_meeting": _leaves("table:consult", also=_DOSSIER),
    "GET screen.show": _leaves("table:consult", also=_DOSSIER),
    "GET screen.end": _leaves("table:consult"),
    "POST screen.decide": _leaves("table:decide", also=f"table:consult table:assign signal:close {_DOSSIER}"),
    "GET minutes.closing_page": _leaves("table:consult"),
    "POST minutes.close": _leaves("table:minute", also="table:consult"),
    "GET minutes.show": _leaves("table:consult"),
    "GET minutes.printed": _leaves("table:consult"),
    "POST minutes.remake": _leaves("table:minute"),
    "POST minutes.share": _leaves("table:minute"),
    "POST minutes.correct": _leaves("table:minute", also="table:consult"),
    "POST minutes.approve": _leaves("table:approve", also="table:consult"),
    "GET tasks.listing": _leaves("signal:list"),
    "GET tasks.show": _leaves("table:consult"),
    "POST tasks.settle": _leaves("table:settle", also="table:consult"),
    "POST tasks.postpone": _leaves("table:assign", also="table:consult"),
    "GET table.show_dossier": _leaves("signal:consult", also="enrich:consult"),
    # --- who is kept from a case
    "GET recusals.listing": _leaves("signal:list"),
    "GET recusals.declare": _leaves("signal:consult"),
    "POST recusals.declare": _leaves("signal:consult table:recuse", also="identity:end"),
    "GET recusals.end": _leaves("signal:consult"),
    "POST recusals.end": _leaves("signal:consult table:recuse"),
    # --- searching
    "GET search.show": _nothing("an empty form; that was searched is recorded"),
    "POST search.find": _leaves("signal:search"),
    # --- figures
    "GET figures.show": _leaves("figures:consult"),
    "GET figures.file": _leaves("figures:consult"),
    # --- disclosing and receiving
    "GET escalations.listing": _leaves("signal:list"),
    "GET escalations.show": _leaves("signal:consult"),
    "POST escalations.settle": _leaves(
        "escalation:settle", also="signal:consult signal:close link:end disclosure:reject text:confirm"
    ),
    "GET disclosures.choose": _leaves("signal:consult"),
    "GET disclosures.preview": _leaves(either="disclosure:prepare disclosure:refuse", also="identity:consult"),
    "POST disclosures.disclose": _leaves(
        either="signal:disclose disclosure:request disclosure:refuse disclosure:prepare", also=_DISCLOSED
    ),
    "GET disclosures.show": _leaves("disclosure:consult"),
    "POST disclosures.withdraw_consent": _leaves("consent:withdraw", also="disclosure:consult disclosure:reject"),
    "POST disclosures.revoke": _leaves("disclosure:revoke", also="disclosure:consult disclosure:reject"),
    "POST disclosures.pass_up": _leaves("disclosure:feedback"),
    "GET transfers.choose": _leaves("disclosure:consult"),
    "GET transfers.preview": _leaves(either="disclosure:prepare disclosure:refuse"),
    "POST transfers.disclose": _leaves(
        either="signal:disclose disclosure:request disclosure:refuse disclosure:prepare", also="disclosure:consult"
    ),
    "GET disclosures.receipt": _leaves("receipt:fetch"),
    "GET inbox.receipt": _leaves("receipt:fetch"),
    "GET approvals.listing": _leaves("signal:list"),
    "GET approvals.show": _leaves("disclosure:consult"),
    "POST approvals.approve": _leaves("disclosure:approve", also="signal:disclose disclosure:consult"),
    "POST approvals.reject": _leaves("disclosure:reject", also="disclosure:consult"),
    "GET inbox.listing": _leaves("signal:list"),
    "GET inbox.show": _leaves("disclosure:consult"),
    "POST inbox.accept": _leaves("disclosure:accept", also="duty:fulfil escalation:settle"),
    "POST inbox.give_back": _leaves("disclosure:return", also="text:confirm duty:fulfil"),
    "POST inbox.feed_back": _leaves("disclosure:feedback", also="text:confirm duty:fulfil"),
    "GET duties.listing": _leaves("signal:list"),
    "GET duties.show": _leaves("disclosure:consult"),
    "POST duties.fulfil": _leaves("duty:fulfil", also="disclosure:consult retention:erase"),
    "POST duties.postpone": _leaves("duty:postpone", also="disclosure:consult"),
    "POST duties.review": _leaves("duty:fulfil", also="disclosure:consult"),
    # --- asking who somebody is
    "GET account.confirm": _nothing("an empty box for the own password; every attempt is recorded"),
    "POST account.confirm": _leaves("login:succeed", also="login:fail login:end"),
    "GET identity_requests.listing": _leaves("identity:list"),
    "GET identity_requests.history": _leaves("identity:list"),
    "GET identity_requests.ask": _leaves("identity:list"),
    "POST identity_requests.send": _leaves("identity:list identity:request"),
    "GET identity_requests.show": _leaves("identity:list"),
    "POST identity_requests.agree": _leaves("identity:decide", also="identity:list login:succeed login:end"),
    "POST identity_requests.refuse": _leaves("identity:decide", also="identity:list login:succeed login:end"),
    "POST identity_requests.open_first": _leaves("identity:consult", also="login:succeed login:end"),
    "GET identity_requests.look": _leaves("identity:consult"),
    "POST identity_requests.give_up": _leaves("identity:end"),
    "POST identity_requests.take_back": _leaves("identity:end"),
    # --- the rules
    "GET card.show": _leaves("policy:consult"),
    "POST card.practise": _leaves("policy:consult"),
    "POST card.situation": _leaves("policy:consult"),
    "GET card.pdf": _leaves("policy:consult"),
    "GET card.svg": _leaves("policy:consult"),
    "GET card.grounds": _leaves("policy:consult"),
    "GET card.ground": _leaves("policy:consult"),
    "GET card.versions": _leaves("policy:consult"),
    "GET card.compare": _leaves("policy:consult"),
    # --- the log, and who works with it
    "GET auditor.workplace": _leaves("log:consult"),
    "GET auditor.listing": _leaves("log:consult"),
    "GET auditor.show": _leaves("log:consult"),
    "GET auditor.proof": _leaves("log:consult"),
    "GET auditor.public_key": _leaves("log:consult"),
    "GET auditor.disclosures": _leaves("log:consult"),
    "GET auditor.disclosure": _leaves("log:consult"),
    "GET auditor.exports": _leaves("log:consult"),
    "POST auditor.request_processing_log": _leaves("log:request"),
    "GET auditor.evidence": _leaves("log:consult"),
    "POST auditor.check": _leaves(either="log:consult log:check log:request"),
    "POST auditor.request_export": _leaves("log:request"),
    "GET auditor.export": _leaves("log:consult"),
    "GET auditor.download": _leaves("log:consult"),
    "GET witness.show": _leaves("log:consult"),
    "GET witness.fetch": _leaves("checkpoint:fetch"),
    "POST witness.compare": _leaves("checkpoint:compare", also="log:consult"),
    "GET incidents.listing": _leaves("incident:consult"),
    "GET incidents.show": _leaves("incident:consult"),
    "POST incidents.settle": _leaves("incident:close", also="incident:consult"),
    "POST incidents.request_check": _leaves("log:request"),
    "GET misuse.listing": _leaves("log:consult"),
    "GET misuse.show": _leaves("log:consult"),
    "POST misuse.ask": _leaves("misuse:ask", also="log:consult"),
    "POST misuse.settle": _leaves("misuse:settle", also="log:consult"),
    "GET samples.listing": _leaves("sample:consult"),
    "GET samples.draw": _nothing(EMPTY_FORM),
    "POST samples.draw": _leaves("sample:draw"),
    "GET samples.show": _leaves("sample:consult"),
    "GET samples.item": _leaves("sample:consult", also="log:consult"),
    "POST samples.judge": _leaves("sample:judge", also="sample:consult log:consult"),
    "POST samples.conclude": _leaves("sample:conclude", also="sample:consult"),
    "GET samples.report": _leaves("sample:consult", also="log:consult"),
    "GET subject_erasures.listing": _leaves("report:consult"),
    "GET subject_erasures.ask": _nothing(EMPTY_FORM),
    "POST subject_erasures.ask": _leaves("subject:request"),
    "GET subject_erasures.show": _leaves("report:consult"),
    "POST subject_erasures.decide": _leaves(
        "report:consult subject:decide",
        also="subject:erase retention:erase identity:consult identity:end disclosure:reject login:succeed login:end "
        "link:propose key:use",
    ),
    "GET subject_reports.listing": _leaves("report:consult"),
    "GET subject_reports.ask": _nothing(EMPTY_FORM),
    "POST subject_reports.ask": _leaves("report:request"),
    "GET subject_reports.show": _leaves("report:consult"),
    "POST subject_reports.decide": _leaves("report:decide", also="report:consult"),
    "GET subject_reports.report": _leaves("report:consult", also="log:consult"),
    "GET subject_reports.printed": _leaves("report:consult", also="log:consult"),
}

ONLY_FILES = "works on files and on the rules that were given to it; the home and its log need not exist"

CLI: Mapping[str, Leaves] = {
    "init": _leaves(
        "system:init policy:load key:make agency:record account:record",
        also="system:migrate checkpoint:sign account:invite factor:record",
    ),
    "demo": _leaves("system:init policy:load key:make agency:record account:record", also="checkpoint:sign"),
    "generate": _leaves(
        "system:init policy:load key:make agency:record account:record signal:record", also="checkpoint:sign"
    ),
    "run": _leaves(also="policy:load log:rows system:migrate"),
    "migrate": _leaves(also="system:migrate"),
    "move": _leaves("system:move"),
    "scan": _nothing("a text that somebody typed, about no signal; nothing is stored"),
    "doctor": _nothing(
        "looks at files, counts and marks, shows nobody's data, and has to work where nothing can be written"
    ),
    "jobs": _nothing("starts the jobs, of which every run is accounted for"),
    "signer": _leaves(
        also="checkpoint:sign log:export key:use job:run incident:open key:make key:rotate key:destroy sample:conclude"
    ),
    "jobs run-due": _leaves(
        also="job:run checkpoint:sign checkpoint:send retention:erase retention:overdue retention:warn draft:erase "
        "disclosure:reject deadline:overdue escalation:open escalation:raise escalation:settle mail:fail login:end "
        "text:check identity:end link:refuse log:check incident:open log:export sample:conclude key:rotate key:destroy "
        "log:rows grant:end emergency:end emergency:remind rights:settle"
    ),
    "jobs status": _leaves("job:consult"),
    "accounts": _leaves("account:consult"),
    "invite": _leaves("account:invite", also="login:end"),
    "submit": _leaves("signal:record signal:route", also="link:propose"),
    "route": _nothing(ONLY_FILES),
    "link-bench": _nothing(ONLY_FILES),
    "ground": _nothing(ONLY_FILES),
    "bench": _nothing("works in a folder of its own with invented people, and never in the home"),
    "blind-check": _leaves("enrich:search"),
    "audit export": _leaves("log:export checkpoint:sign"),
    "audit receipt": _leaves("receipt:fetch", also="checkpoint:sign"),
    "audit fsck": _leaves("log:check", also="incident:open checkpoint:sign"),
    "audit processing-log": _leaves("log:export"),
    "audit restored": _leaves("system:restore", also="key:rotate retention:erase checkpoint:sign"),
    "keys rotate": _leaves("key:rotate", also="key:destroy log:rows"),
    "audit rotate-key": _leaves("key:rotate", also="key:make key:destroy checkpoint:sign"),
    "keys status": _leaves("key:consult"),
    "mail status": _leaves("job:consult"),
    "mail test": _leaves("job:run", also="mail:fail"),
    "keys export": _leaves("key:export"),
    "keys for-signer": _leaves("key:make"),
    "keys restore": _leaves("key:restore"),
    "policies replay": _leaves("decision:replay"),
    "policies card": _nothing(ONLY_FILES),
    "policies compare": _leaves(also="policy:consult"),
    "policies show": _nothing(ONLY_FILES),
    "policies check": _nothing(ONLY_FILES),
}

# A run that did something; what leaves nothing is told by the next job:run, at least once a day.
JOBS: Mapping[str, Leaves] = {
    "checkpoint": _leaves("checkpoint:sign", also="job:run checkpoint:send"),
    "retention": _leaves(
        "job:run", also="retention:erase retention:overdue draft:erase disclosure:reject emergency:end"
    ),
    "retention-warning": _leaves("job:run retention:warn", also="reflection:end deadline:overdue"),
    "stuck": _leaves("job:run deadline:overdue escalation:open", also="escalation:raise escalation:settle"),
    "overdue": _leaves("job:run deadline:overdue"),
    "witnesses": _leaves("job:run", also="checkpoint:send checkpoint:sign"),
    "outbox": _leaves("job:run", also="mail:fail"),
    "bounces": _leaves("job:run", also="mail:fail"),
    "sessions": _leaves("job:run login:end"),
    "check-texts": _leaves("text:check", also="job:run"),
    "identities": _leaves("job:run identity:end"),
    "search-index": _leaves("job:run"),
    "figures": _leaves("job:run"),
    "exclusions": _leaves("job:run", also="link:refuse"),
    "rights": _leaves("job:run", also="grant:end emergency:end emergency:remind incident:open"),
    "rights-review": _leaves("job:run", also="rights:settle"),
    "fsck": _leaves("log:check", also="incident:open job:run"),
    # Those without a turn: what somebody waits for at a screen.
    "exports": _leaves("log:export checkpoint:sign", also="job:run"),
    "reports": _leaves("sample:conclude", also="job:run checkpoint:sign"),
    "checks": _leaves("log:check", also="incident:open job:run"),
    "rotations": _leaves("key:rotate", also="key:destroy log:rows"),
}

# Ways in that have no row of their own: what stops a request anywhere, what keeps the log whole.
ANYWHERE: Mapping[str, str] = {
    "access:refuse": "transaction.py: whoever may not",
    "request:refuse": "web/guards.py: what no page of ours sends, and what came to nothing",
    "disclosure:refuse": "transaction.py: a disclosure that no ground permits",
    "rate:exceed": "flow/rates.py: whoever asks more often than policies/rates.toml says, once a minute",
    "key:use": "transaction.py: an envelope was opened for an act that came to nothing",
    "log:rows": "transaction.py: more rows than one entry holds; flow/setup: what a newer version keeps of what was there",
}
