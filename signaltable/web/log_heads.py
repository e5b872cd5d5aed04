"""What each action of the log says as a sentence: who did what to which thing.

Of the templates of an action the first counts for which everything is known; the last one needs only who acted, so that
an entry of which the details were destroyed still reads. The rest of what is known follows as clauses (log_sentences).
"""

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l

Heads = tuple[Any, ...]

HEADS: Mapping[str, Heads] = {
    # --- the program and its rules
    "system:init": (_l("%(who)s started this log"),),
    "system:migrate": (_l("%(who)s brought the tables to a new version"),),
    "system:move": (_l("%(who)s moved the data to another database"),),
    "system:restore": (_l("%(who)s put the database back from a copy"),),
    "policy:load": (_l("%(who)s put a set of rules into use"),),
    "policy:consult": (_l("%(who)s looked at the rules"),),
    "decision:replay": (
        _l("%(who)s had the decisions about disclosure %(disclosure)s decided again"),
        _l("%(who)s had the decisions about signal %(signal)s decided again"),
        _l("%(who)s had earlier decisions decided again"),
    ),
    "job:run": (_l("%(who)s carried out the planned task “%(job)s”"), _l("%(who)s carried out a planned task")),
    "job:consult": (_l("%(who)s looked at the planned tasks of the program"),),
    "mail:fail": (_l("%(who)s found that mails did not arrive"),),
    # --- keys
    "key:make": (_l("%(who)s made a key for %(agency)s"), _l("%(who)s made a key")),
    "key:rotate": (_l("%(who)s replaced a key of %(agency)s"), _l("%(who)s replaced a key")),
    "key:destroy": (_l("%(who)s destroyed a key of %(agency)s"), _l("%(who)s destroyed a key")),
    "key:use": (
        _l("%(who)s used a key of %(agency)s for disclosure %(disclosure)s"),
        _l("%(who)s used a key of %(agency)s for signal %(signal)s"),
        _l("%(who)s used a key of %(agency)s"),
        _l("%(who)s used a key"),
    ),
    "key:consult": (_l("%(who)s looked at the state of the keys"),),
    "key:export": (_l("%(who)s exported the key ring for two keepers"),),
    "key:restore": (_l("%(who)s put the key ring back with two keepers"),),
    # --- logging in, accounts, agencies
    "login:succeed": (_l("%(who)s logged in"),),
    "login:fail": (_l("%(who)s tried to log in and did not succeed"),),
    "login:end": (_l("%(who)s left the program: the session ended"),),
    "account:record": (_l("%(who)s made an account at %(agency)s"), _l("%(who)s made an account")),
    "account:change": (_l("%(who)s changed an account at %(agency)s"), _l("%(who)s changed an account")),
    "account:consult": (_l("%(who)s looked at accounts of %(agency)s"), _l("%(who)s looked at accounts")),
    "agency:record": (
        _l("%(who)s recorded or changed the organisation %(agency)s"),
        _l("%(who)s recorded or changed an organisation"),
    ),
    "agency:consult": (
        _l("%(who)s looked at what is recorded of %(agency)s"),
        _l("%(who)s looked at the organisations"),
    ),
    # --- factors, logins elsewhere, systems, rights that end
    "account:invite": (_l("%(who)s made a code with which somebody comes in once"),),
    "account:activate": (_l("%(who)s came in with a code that counts once"),),
    "factor:record": (_l("%(who)s set up a second factor"),),
    "factor:remove": (_l("%(who)s took away a second factor"),),
    "session:consult": (_l("%(who)s looked at running sessions"),),
    "provider:bind": (_l("%(who)s bound an account to a login elsewhere"),),
    "provider:release": (_l("%(who)s ended the binding of an account to a login elsewhere"),),
    "machine:record": (
        _l("%(who)s recorded or changed the account of a system of %(agency)s"),
        _l("%(who)s recorded or changed the account of a system"),
    ),
    "machine:consult": (_l("%(who)s looked at the accounts of systems"),),
    "machine:token": (_l("%(who)s let in a system of %(agency)s"), _l("%(who)s let in a system")),
    "grant:record": (_l("%(who)s gave somebody a role for some time"),),
    "grant:end": (_l("%(who)s ended a role that somebody had for some time"),),
    "grant:consult": (_l("%(who)s looked at roles for some time"),),
    "emergency:open": (
        _l("%(who)s opened signal %(signal)s in acute danger"),
        _l("%(who)s opened a case in acute danger"),
    ),
    "emergency:end": (
        _l("%(who)s ended the access to signal %(signal)s in acute danger"),
        _l("%(who)s ended an access in acute danger"),
    ),
    "emergency:review": (
        _l("%(who)s looked back on the access to signal %(signal)s in acute danger"),
        _l("%(who)s looked back on an access in acute danger"),
    ),
    "emergency:consult": (_l("%(who)s looked at accesses in acute danger"),),
    "emergency:remind": (_l("%(who)s called to mind that somebody has to look back on an access in acute danger"),),
    "rights:consult": (_l("%(who)s looked at who may do what"),),
    "rights:sign": (_l("%(who)s signed for who may do what"),),
    "rights:settle": (_l("%(who)s settled what a review of rights took away"),),
    "rate:exceed": (_l("%(who)s asked more often than is allowed"),),
    # --- drafts and signals
    "draft:record": (_l("%(who)s kept a draft of a signal"),),
    "draft:consult": (_l("%(who)s opened a draft of a signal"),),
    "draft:erase": (
        _l("%(who)s erased the draft of signal %(signal)s"),
        _l("%(who)s erased a draft of a signal"),
    ),
    "signal:record": (_l("%(who)s recorded signal %(signal)s"), _l("%(who)s recorded a signal")),
    "signal:consult": (_l("%(who)s looked at signal %(signal)s"), _l("%(who)s looked at a signal")),
    "signal:search": (_l("%(who)s searched for cases"),),
    "figures:consult": (_l("%(who)s looked at the figures of a month"),),
    "signal:list": (_l("%(who)s looked through the list “%(view)s”"), _l("%(who)s looked through a list")),
    "signal:withdraw": (_l("%(who)s withdrew signal %(signal)s"), _l("%(who)s withdrew a signal")),
    "signal:close": (_l("%(who)s closed signal %(signal)s"), _l("%(who)s closed a signal")),
    "identity:consult": (
        _l("%(who)s looked at the identity of a person in signal %(signal)s"),
        _l("%(who)s looked at the identity of a person"),
    ),
    "identity:list": (_l("%(who)s looked through requests for an identity"),),
    "identity:request": (_l("%(who)s asked who a person in signal %(signal)s is"), _l("%(who)s asked who a person is")),
    "identity:decide": (
        _l("%(who)s decided about the request for an identity in signal %(signal)s"),
        _l("%(who)s decided about a request for an identity"),
    ),
    "identity:end": (
        _l("%(who)s ended the view of an identity in signal %(signal)s"),
        _l("%(who)s ended the view of an identity"),
    ),
    "subject:request": (
        _l("%(who)s asked to erase a person from signal %(signal)s"),
        _l("%(who)s asked to erase a person"),
    ),
    "subject:decide": (
        _l("%(who)s decided about erasing a person from signal %(signal)s"),
        _l("%(who)s decided about erasing a person"),
    ),
    "subject:erase": (_l("%(who)s erased a person from signal %(signal)s"), _l("%(who)s erased a person")),
    "attachment:record": (_l("%(who)s added an attachment to signal %(signal)s"), _l("%(who)s added an attachment")),
    "attachment:refuse": (
        _l("%(who)s got an attachment to signal %(signal)s refused"),
        _l("%(who)s got an attachment refused"),
    ),
    "attachment:download": (
        _l("%(who)s downloaded an attachment of signal %(signal)s"),
        _l("%(who)s downloaded an attachment"),
    ),
    "attachment:erase": (_l("%(who)s erased an attachment of signal %(signal)s"), _l("%(who)s erased an attachment")),
    "text:check": (
        _l("%(who)s read a text of signal %(signal)s for identifying words"),
        _l("%(who)s read a text for identifying words"),
    ),
    "text:confirm": (
        _l("%(who)s confirmed the masked words in signal %(signal)s"),
        _l("%(who)s confirmed masked words"),
    ),
    # --- linking
    "link:propose": (
        _l("%(who)s proposed to link signals %(signals)s"),
        _l("%(who)s proposed to link signals"),
    ),
    "link:confirm": (
        _l("%(who)s confirmed the link between signals %(signals)s"),
        _l("%(who)s confirmed a link between signals"),
    ),
    "link:refuse": (
        _l("%(who)s refused or undid the link between signals %(signals)s"),
        _l("%(who)s refused or undid a link between signals"),
    ),
    "link:end": (_l("%(who)s ended the link between signals %(signals)s"), _l("%(who)s ended a link between signals")),
    "link:undo": (
        _l("%(who)s took back a decision about the link between signals %(signals)s"),
        _l("%(who)s took back a decision about a link"),
    ),
    "link:merge": (_l("%(who)s merged a person in signals %(signals)s"), _l("%(who)s merged two persons")),
    "link:acknowledge": (
        _l("%(who)s read that a link of signal %(signal)s was wrong"),
        _l("%(who)s read that a link was wrong"),
    ),
    "link:split": (
        _l("%(who)s took a person of signal %(signal)s out of a group"),
        _l("%(who)s took a person out of a group"),
    ),
    "exclusion:consult": (_l("%(who)s looked at the exclusion list"),),
    "exclusion:record": (_l("%(who)s put a value on the exclusion list"),),
    "exclusion:review": (_l("%(who)s reviewed a value of the exclusion list"),),
    "exclusion:end": (_l("%(who)s took a value off the exclusion list"),),
    # --- triage and route
    "signal:triage": (_l("%(who)s assessed signal %(signal)s on arrival"), _l("%(who)s assessed a signal on arrival")),
    "signal:route": (
        _l("%(who)s had the routes for signal %(signal)s determined"),
        _l("%(who)s had the routes for a signal determined"),
    ),
    # --- enriching
    "enrich:search": (_l("%(who)s compared an own list with the open questions"),),
    "enrich:ask": (
        _l("%(who)s asked %(asked)s what it knows about a subject of signal %(signal)s"),
        _l("%(who)s asked %(asked)s what it knows about a subject of a signal"),
        _l("%(who)s asked an organisation what it knows about a subject of a signal"),
    ),
    "enrich:answer": (
        _l("%(who)s answered a question about signal %(signal)s"),
        _l("%(who)s answered a question about a signal"),
    ),
    "enrich:compare": (
        _l("%(who)s compared data in signal %(signal)s with a source of its own"),
        _l("%(who)s compared data in a signal with a source of its own"),
    ),
    "enrich:consult": (
        _l("%(who)s looked at questions or answers about signal %(signal)s"),
        _l("%(who)s looked at questions or answers about a signal"),
    ),
    "enrich:remind": (
        _l("%(who)s reminded %(asked)s of a question about signal %(signal)s"),
        _l("%(who)s reminded an organisation of a question"),
    ),
    "enrich:postpone": (
        _l("%(who)s gave %(asked)s more time for a question about signal %(signal)s"),
        _l("%(who)s gave an organisation more time for a question"),
    ),
    "enrich:withdraw": (
        _l("%(who)s took back a question or a context about signal %(signal)s"),
        _l("%(who)s took back a question or a context"),
    ),
    # --- the table
    "table:schedule": (_l("%(who)s planned or changed a meeting"),),
    "table:note": (
        _l("%(who)s made a note about signal %(signal)s at a meeting"),
        _l("%(who)s made a note at a meeting"),
    ),
    "table:decide": (
        _l("%(who)s recorded what the table decided about signal %(signal)s"),
        _l("%(who)s recorded a decision of the table"),
    ),
    "table:consult": (
        _l("%(who)s looked at signal %(signal)s among the papers of a meeting"),
        _l("%(who)s looked at the papers of a meeting"),
    ),
    "table:record": (_l("%(who)s recorded or changed a table"),),
    "signal:move": (
        _l("%(who)s moved signal %(signal)s to another table"),
        _l("%(who)s moved a signal to another table"),
    ),
    "table:attend": (_l("%(who)s recorded who attends a meeting"),),
    "table:recuse": (
        _l("%(who)s recorded a conflict of interest in signal %(signal)s"),
        _l("%(who)s recorded a conflict of interest"),
    ),
    "table:assign": (
        _l("%(who)s gave %(agencies)s an action about signal %(signal)s"),
        _l("%(who)s gave an organisation an action"),
    ),
    "table:settle": (
        _l("%(who)s settled an action about signal %(signal)s"),
        _l("%(who)s settled an action of the table"),
    ),
    "table:minute": (_l("%(who)s worked on the minutes of a meeting"),),
    "table:approve": (_l("%(who)s recorded that the minutes of a meeting were approved"),),
    "escalation:open": (
        _l("%(who)s brought stuck signal %(signal)s to the coordinator"),
        _l("%(who)s brought a stuck case to the coordinator"),
    ),
    "escalation:raise": (
        _l("%(who)s brought stuck signal %(signal)s to the regional table"),
        _l("%(who)s brought a stuck case to the regional table"),
    ),
    "escalation:settle": (
        _l("%(who)s settled that signal %(signal)s was stuck"),
        _l("%(who)s settled that a case was stuck"),
    ),
    # --- disclosing
    "disclosure:prepare": (
        _l("%(who)s had a disclosure about signal %(signal)s to %(recipient)s prepared and saw the preview"),
        _l("%(who)s had a disclosure about signal %(signal)s prepared and saw the preview"),
        _l("%(who)s had a disclosure prepared and saw the preview"),
    ),
    "disclosure:request": (
        _l(
            "%(who)s asked a second person to look at disclosure %(disclosure)s about signal %(signal)s to %(recipient)s"
        ),
        _l("%(who)s asked a second person to look at disclosure %(disclosure)s"),
        _l("%(who)s asked a second person to look at a disclosure"),
    ),
    "disclosure:approve": (
        _l("%(who)s approved disclosure %(disclosure)s about signal %(signal)s to %(recipient)s as the second person"),
        _l("%(who)s approved disclosure %(disclosure)s as the second person"),
        _l("%(who)s approved a disclosure as the second person"),
    ),
    "disclosure:reject": (
        _l("%(who)s turned down disclosure %(disclosure)s about signal %(signal)s to %(recipient)s"),
        _l("%(who)s turned down disclosure %(disclosure)s"),
        _l("%(who)s turned down a disclosure"),
    ),
    "signal:disclose": (
        _l("%(who)s disclosed %(disclosure)s about signal %(signal)s of %(provider)s to %(recipient)s"),
        _l("%(who)s disclosed %(disclosure)s about signal %(signal)s to %(recipient)s"),
        _l("%(who)s disclosed %(disclosure)s to another organisation"),
        _l("%(who)s disclosed data to another organisation"),
    ),
    "disclosure:refuse": (
        _l("%(who)s was refused to disclose data about signal %(signal)s to %(recipient)s"),
        _l("%(who)s was refused to disclose data about signal %(signal)s"),
        _l("%(who)s was refused to disclose data"),
    ),
    "disclosure:consult": (_l("%(who)s opened disclosure %(disclosure)s"), _l("%(who)s opened a disclosure")),
    "disclosure:accept": (_l("%(who)s accepted disclosure %(disclosure)s"), _l("%(who)s accepted a disclosure")),
    "disclosure:return": (_l("%(who)s gave disclosure %(disclosure)s back"), _l("%(who)s gave a disclosure back")),
    "disclosure:feedback": (
        _l("%(who)s gave feedback about disclosure %(disclosure)s"),
        _l("%(who)s gave feedback about a disclosure"),
    ),
    "disclosure:revoke": (
        _l("%(who)s revoked disclosure %(disclosure)s"),
        _l("%(who)s revoked a disclosure"),
    ),
    # --- what is owed after a disclosure
    "duty:fulfil": (
        _l("%(who)s fulfilled a duty after disclosure %(disclosure)s"),
        _l("%(who)s fulfilled a duty after a disclosure"),
    ),
    "duty:postpone": (
        _l("%(who)s postponed a duty after disclosure %(disclosure)s, with a reason"),
        _l("%(who)s postponed a duty after a disclosure, with a reason"),
    ),
    "consent:withdraw": (
        _l("%(who)s recorded that the person withdrew the consent behind disclosure %(disclosure)s"),
        _l("%(who)s recorded that a person withdrew the consent behind a disclosure"),
    ),
    # --- what was refused
    "access:refuse": (_l("%(who)s asked for something that the program did not allow"),),
    "request:refuse": (_l("%(who)s sent something that the page did not ask for"),),
    # --- the log itself
    "log:consult": (_l("%(who)s looked at the log: %(view)s"), _l("%(who)s looked at the log")),
    "log:export": (
        _l("%(who)s exported the part of %(agency)s of the log"),
        _l("%(who)s exported the log or a part of it"),
    ),
    "log:request": (_l("%(who)s asked for an export of the log"),),
    "log:check": (_l("%(who)s checked the log"),),
    "log:rows": (_l("%(who)s recorded anew how rows of the database read"),),
    "checkpoint:sign": (_l("%(who)s signed the state of the log"),),
    "checkpoint:send": (
        _l("%(who)s sent the state of the log to %(sent_to)s"),
        _l("%(who)s sent the state of the log to organisations that keep it"),
    ),
    "checkpoint:fetch": (_l("%(who)s fetched a signed state of the log"),),
    "checkpoint:compare": (_l("%(who)s compared a kept state with the log"),),
    "receipt:fetch": (
        _l("%(who)s fetched the receipt of disclosure %(disclosure)s"),
        _l("%(who)s fetched the receipt of a disclosure"),
    ),
    # --- incidents
    "incident:open": (_l("%(who)s found something in the log that is not right"),),
    "incident:consult": (_l("%(who)s looked at the incidents about the log"),),
    "incident:close": (_l("%(who)s settled an incident about the log"),),
    # --- the auditor at work
    "sample:draw": (_l("%(who)s drew a sample of disclosures"),),
    "sample:judge": (
        _l("%(who)s judged disclosure %(disclosure)s of a sample"),
        _l("%(who)s judged a disclosure of a sample"),
    ),
    "sample:conclude": (_l("%(who)s concluded a sample"),),
    "sample:consult": (_l("%(who)s looked at a sample or fetched it"),),
    "misuse:ask": (
        _l("%(who)s asked a question about how %(agency)s used the program"),
        _l("%(who)s asked a question about how the program was used"),
    ),
    "misuse:settle": (
        _l("%(who)s settled a question about how %(agency)s used the program"),
        _l("%(who)s settled a question about how the program was used"),
    ),
    # --- who saw this person's data
    "report:request": (
        _l("%(who)s asked for an overview of who saw the data of a person in signal %(signal)s"),
        _l("%(who)s asked for an overview of who saw the data of a person"),
    ),
    "report:decide": (
        _l(
            "%(who)s decided whether the overview of who saw the data of a person in signal %(signal)s may be handed over"
        ),
        _l("%(who)s decided whether an overview of who saw the data of a person may be handed over"),
    ),
    "report:consult": (
        _l("%(who)s looked at the overview of who saw the data of a person in signal %(signal)s, or fetched it"),
        _l("%(who)s looked at an overview of who saw the data of a person, or fetched it"),
    ),
    # --- keeping and erasing
    "retention:erase": (_l("%(who)s erased data"),),
    "retention:overdue": (_l("%(who)s found data that are kept too long"),),
    "retention:warn": (
        _l("%(who)s warned that the retention period of %(count)s signals is nearly over"),
        _l("%(who)s warned that a retention period is nearly over"),
    ),
    "retention:postpone": (
        _l("%(who)s extended the retention period of signal %(signal)s"),
        _l("%(who)s extended a retention period"),
    ),
    "reflection:record": (
        _l("%(who)s recorded a reflection period in signal %(signal)s"),
        _l("%(who)s recorded a reflection period"),
    ),
    "reflection:end": (
        _l("%(who)s ended a reflection period in signal %(signal)s"),
        _l("%(who)s ended a reflection period"),
    ),
    "deadline:overdue": (
        _l("%(who)s saw that a day comes near or has passed, and prepared reminders where they were due"),
    ),
}

# Clauses that follow a head, in this order; "%(value)s" is the detail in words.
CLAUSES: Mapping[str, Any] = {
    "purpose": _l("purpose: %(value)s"),
    "ground": _l("legal ground: %(value)s"),
    "legal_basis": _l("articles: %(value)s"),
    "categories": _l("data: %(value)s"),
    "identifier_kinds": _l("identifying data: %(value)s"),
    "evidence_kinds": _l("compared: %(value)s"),
    "fields": _l("fields: %(value)s"),
    "conditions": _l("conditions met: %(value)s"),
    "consent": _l("consent: %(value)s"),
    "missing": _l("missing: %(value)s"),
    "near": _l("grounds that came near: %(value)s"),
    "obligations": _l("owed afterwards: %(value)s"),
    "permission": _l("asked for: %(value)s"),
    "cause": _l("cause: %(value)s"),
    "rule": _l("rule: %(value)s"),
    "kind": _l("kind: %(value)s"),
    "result": _l("result: %(value)s"),
    "answer": _l("answer: %(value)s"),
    "decision": _l("decision: %(value)s"),
    "strength": _l("strength: %(value)s"),
    "urgency": _l("urgency: %(value)s"),
    "routes": _l("routes: %(value)s"),
    "destinations": _l("destinations: %(value)s"),
    "view": _l("page: %(value)s"),
    "filters": _l("filters: %(value)s"),
    "search_kinds": _l("searched by: %(value)s"),
    "roles": _l("roles: %(value)s"),
    "roles_added": _l("roles added: %(value)s"),
    "roles_removed": _l("roles taken away: %(value)s"),
    "changed": _l("changed: %(value)s"),
    "method": _l("way of signing in: %(value)s"),
    "agencies": _l("organisations: %(value)s"),
    "recipients_told": _l("told: %(value)s"),
    "subjects": _l("number of subjects: %(value)s"),
    "indicators": _l("number of indicators: %(value)s"),
    "questions": _l("number of open questions: %(value)s"),
    "grounds": _l("number of legal grounds: %(value)s"),
    "unreviewed": _l("grounds that no lawyer has reviewed: %(value)s"),
    "findings": _l("findings: %(value)s"),
    "count": _l("number: %(value)s"),
    "asks": _l("compared with open questions: %(value)s"),
    "hits": _l("hits: %(value)s"),
    "population": _l("out of: %(value)s"),
    "same": _l("with the same outcome: %(value)s"),
    "different": _l("with another outcome: %(value)s"),
    "size": _l("entries in the log: %(value)s"),
    "lost_size": _l("entries that were lost: %(value)s"),
    "attempts": _l("attempts: %(value)s"),
    "due_at": _l("due %(value)s"),
    "previous_due_at": _l("was due %(value)s"),
    "expires_at": _l("ends %(value)s"),
    "starts_at": _l("on %(value)s"),
    "locked_until": _l("closed until %(value)s"),
    "withdrawn_at": _l("withdrawn %(value)s"),
    "oldest_at": _l("oldest of %(value)s"),
    "review_due_at": _l("look back before %(value)s"),
    "inform_due_at": _l("tell the person before %(value)s"),
}
# Details that are there or not, and what it says when they are.
FLAGS: Mapping[str, Any] = {
    "approver": _l("approved by a second person"),
    "emergency": _l("as an emergency"),
    "minor": _l("about a minor"),
    "late": _l("too late"),
    "expired": _l("because nobody decided in time"),
    "anonymous": _l("anonymous to the others"),
    "correction": _l("as a correction"),
    "undone": _l("after it had been confirmed"),
    "demo": _l("in the demonstration"),
}
# The same for what is told when a flag says no.
NOT_FLAGS: Mapping[str, Any] = {"active": _l("access was closed")}
