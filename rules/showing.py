import jinja2
from flask import Markup, redirect, render_template, render_template_string, request, url_for


def shows(value, error, LOG):
    # ruleid: no-markup-by-hand
    Markup(value)
    # ok: no-markup-by-hand
    render_template("page.html", value=value)
    # ruleid: no-template-out-of-a-text
    render_template_string(value)
    # ruleid: no-template-out-of-a-text
    jinja2.Template(value)
    # ruleid: no-template-out-of-a-text
    jinja2.Environment(autoescape=False)
    # ok: no-template-out-of-a-text
    jinja2.Environment(autoescape=True)
    # ruleid: no-address-out-of-a-request
    request.host_url
    # ruleid: no-address-out-of-a-request
    url_for("page", _external=True)
    # ok: no-address-out-of-a-request
    url_for("page")
    # ruleid: no-address-out-of-a-request
    redirect(request.args.get("next"))
    # ok: no-address-out-of-a-request
    redirect(url_for("page"))
    # ruleid: no-word-of-a-request-in-the-log
    LOG.exception("it broke")
    # ruleid: no-word-of-a-request-in-the-log
    LOG.warning(f"it broke: {value}")
    # ruleid: no-word-of-a-request-in-the-log
    LOG.error("it broke: %s", str(error))
    # ok: no-word-of-a-request-in-the-log
    LOG.error("it broke: %s", type(error).__name__)
