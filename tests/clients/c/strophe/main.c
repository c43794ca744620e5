// Makes libstrophe fail in one situation. It has a log, events with an error code and a stream error, and nothing else.
#include <errno.h>
#include <stdlib.h>
#include <strophe.h>
#include <unistd.h>

#include "../printing.h"

static const char *operation;
static const char *CONDITIONS[] = {
    "bad-format", "bad-namespace-prefix", "conflict", "connection-timeout", "host-gone", "host-unknown", "improper-addressing",
    "internal-server-error", "invalid-from", "invalid-id", "invalid-namespace", "invalid-xml", "not-authorized", "policy-violation",
    "remote-connection-failed", "resource-constraint", "restricted-xml", "see-other-host", "system-shutdown", "undefined-condition",
    "unsupported-encoding", "unsupported-stanza-type", "unsupported-version", "not-well-formed"};

static void log_line(void *data, xmpp_log_level_t level, const char *area, const char *message) {
    (void)data;
    static const char *names[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    char line[2000];
    if (level < XMPP_LEVEL_WARN && !strstr(message, "failed") && !strstr(message, "error")) return;
    if (!strncmp(message, "error=", 6) || !strncmp(message, "SENT:", 5) || !strncmp(message, "RECV:", 5)) return;
    snprintf(line, sizeof line, "%s %s %s", area, names[level], message);
    say("logged", line);
}

static int answered(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *ctx) {
    const char *type = xmpp_stanza_get_type(stanza);
    char *text;
    size_t length;
    if (type && !strcmp(type, "error") && !xmpp_stanza_to_text(stanza, &text, &length)) say("xml", text);
    xmpp_stop(ctx);
    (void)conn;
    return 0;
}

static void ask(xmpp_conn_t *conn, xmpp_ctx_t *ctx, const char *to, const char *ns) {
    xmpp_stanza_t *iq = xmpp_iq_new(ctx, "get", "ask1"), *query = xmpp_stanza_new(ctx);
    xmpp_stanza_set_to(iq, to);
    xmpp_stanza_set_name(query, "query");
    xmpp_stanza_set_ns(query, ns);
    xmpp_stanza_add_child(iq, query);
    xmpp_id_handler_add(conn, answered, "ask1", ctx);
    xmpp_send(conn, iq);
}

static int stop(xmpp_ctx_t *ctx, void *data) {
    (void)data;
    xmpp_stop(ctx);
    return 0;
}

static void happened(xmpp_conn_t *conn, xmpp_conn_event_t event, int error, xmpp_stream_error_t *stream, void *data) {
    xmpp_ctx_t *ctx = data;
    char line[1000];
    if (event == XMPP_CONN_CONNECT) {
        if (!strcmp(operation, "watch")) {
            puts("ready");
            fflush(stdout);
        } else if (!strcmp(operation, "unsupported")) ask(conn, ctx, "localhost", "urn:example");
        else if (!strcmp(operation, "remote")) ask(conn, ctx, "other.example", "http://jabber.org/protocol/disco#info");
        else if (!strcmp(operation, "gone")) ask(conn, ctx, "bob@localhost/gone", "http://jabber.org/protocol/disco#info");
        else if (!strcmp(operation, "big")) {
            char *big = calloc(1, 9001);
            memset(big, 'x', 9000);
            xmpp_send_raw_string(conn, "<message to='bob@localhost'><body>%s</body></message>", big);
        } else if (!strcmp(operation, "malformed")) xmpp_send_raw_string(conn, "<a><b></a>");
        else xmpp_disconnect(conn);
        return;
    }
    if (stream) {
        snprintf(line, sizeof line, "stream error: %s%s%s", CONDITIONS[stream->type], stream->text ? " - " : "", stream->text ? stream->text : "");
        say("logged", line);
    } else if (error) {
        snprintf(line, sizeof line, "disconnected: %s", strerror(error));
        say("logged", line);
    }
    xmpp_stop(ctx);
}

int main(int count, char **arguments) {
    xmpp_log_t log = {log_line, NULL};
    char jid[300];
    if (count < 2 || !strstr(" connect watch unsupported remote gone big malformed ", arguments[1])) return 9;
    operation = arguments[1];
    xmpp_initialize();
    xmpp_ctx_t *ctx = xmpp_ctx_new(NULL, &log);
    xmpp_conn_t *conn = xmpp_conn_new(ctx);
    snprintf(jid, sizeof jid, "%s@%s/here", getenv("XMPP_USER"), getenv("XMPP_DOMAIN"));
    xmpp_conn_set_jid(conn, jid);
    xmpp_conn_set_pass(conn, getenv("XMPP_PASS"));
    if (!strcmp(getenv("XMPP_TLS"), "on")) {
        xmpp_conn_set_flags(conn, XMPP_CONN_FLAG_MANDATORY_TLS);
        if (getenv("CA")) xmpp_conn_set_cafile(conn, getenv("CA"));
    } else {
        xmpp_conn_set_flags(conn, XMPP_CONN_FLAG_DISABLE_TLS);
    }
    int started = xmpp_connect_client(conn, getenv("XMPP_HOST"), (unsigned short)atoi(getenv("XMPP_PORT")), happened, ctx);
    if (started != XMPP_EOK) return 0;
    xmpp_global_timed_handler_add(ctx, stop, 6000, NULL);
    xmpp_run(ctx);
    return 0;
}
