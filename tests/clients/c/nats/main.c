// Makes nats.c fail in one situation: it prints the text of the status, and what the library says beside it.
#include <nats/nats.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "../printing.h"

static void fail(const char *doing, natsStatus s) {
    if (s == NATS_OK) return;
    natsStatus last = NATS_OK;
    const char *detail = nats_GetLastError(&last);
    char line[1000];
    if (s != NATS_ERR) say("message", natsStatus_GetText(s));
    if (detail && *detail && last == s) {
        say("message", detail);
        snprintf(line, sizeof line, "Error: %d - %s - %s", s, natsStatus_GetText(s), detail);
        say("logged", line);
    } else {
        snprintf(line, sizeof line, "%s: Error: %d - %s", doing, s, natsStatus_GetText(s));
        say("logged", line);
    }
}

static void fail_js(const char *doing, natsStatus s, jsErrCode code) {
    fail(doing, s);
    if (code == 0) return;
    char line[200];
    snprintf(line, sizeof line, "%s: %s (jerr=%d)", doing, natsStatus_GetText(s), code);
    say("logged", line);
}

static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus s, void *closure) {
    (void)sub, (void)closure;
    char line[1000];
    const char *last = "";
    natsConnection_GetLastError(nc, &last);
    snprintf(line, sizeof line, "Asynchronous error: %d - %s", s, natsStatus_GetText(s));
    say("logged", line);
    if (last && *last) say("message", last);
}

static void on_closed(natsConnection *nc, void *closure) {
    (void)closure;
    const char *last = NULL;
    natsStatus s = natsConnection_GetLastError(nc, &last);
    char line[1000];
    if (s == NATS_OK) return;
    snprintf(line, sizeof line, "Connection closed: %s: %s", natsStatus_GetText(s), last ? last : "");
    say("logged", line);
}

static void slow(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure) {
    (void)nc, (void)sub, (void)closure;
    nats_Sleep(500);
    natsMsg_Destroy(msg);
}

static natsStatus make_options(natsOptions **opts) {
    natsStatus s = natsOptions_Create(opts);
    const char *value = getenv("NATS_LOGIN");
    if (s == NATS_OK) s = natsOptions_SetURL(*opts, getenv("SERVER_URL"));
    if (s == NATS_OK) s = natsOptions_SetTimeout(*opts, 3000);
    if (s == NATS_OK) s = natsOptions_SetAllowReconnect(*opts, false);
    if (s == NATS_OK) s = natsOptions_SetErrorHandler(*opts, on_error, NULL);
    if (s == NATS_OK) s = natsOptions_SetClosedCB(*opts, on_closed, NULL);
    if (s == NATS_OK && value && *value) s = natsOptions_SetUserInfo(*opts, value, getenv("NATS_PASS"));
    if (s == NATS_OK && (value = getenv("CREDENTIALS"))) s = natsOptions_SetUserCredentialsFromFiles(*opts, value, NULL);
    if (s == NATS_OK && (value = getenv("CA"))) {
        s = natsOptions_SetSecure(*opts, true);
        if (s == NATS_OK) s = natsOptions_LoadCATrustedCertificates(*opts, value);
        if (s == NATS_OK) s = natsOptions_SetExpectedHostname(*opts, "localhost");
    }
    if (s == NATS_OK && getenv("PINGS")) {
        s = natsOptions_SetPingInterval(*opts, 200);
        if (s == NATS_OK) s = natsOptions_SetMaxPingsOut(*opts, 1);
    }
    return s;
}

static void settle(natsConnection *nc) {
    fail("flush", natsConnection_FlushTimeout(nc, 2000));
    nats_Sleep(300);
}

static void core(const char *operation, natsConnection *nc) {
    natsSubscription *sub = NULL;
    natsMsg *msg = NULL;
    char *big = calloc(1, 5000);
    if (!strcmp(operation, "connect")) settle(nc);
    else if (!strcmp(operation, "watch")) {
        natsConnection_Subscribe(&sub, nc, "load", slow, NULL);
        settle(nc);
        puts("ready");
        fflush(stdout);
        nats_Sleep(5000);
        fail("publish", natsConnection_PublishString(nc, "a", "x"));
    } else if (!strcmp(operation, "publish")) {
        fail("publish", natsConnection_PublishString(nc, "closed.door", "x"));
        settle(nc);
    } else if (!strcmp(operation, "subscribe")) {
        fail("subscribe", natsConnection_SubscribeSync(&sub, nc, "closed.door"));
        settle(nc);
        fail("receive", natsSubscription_NextMsg(&msg, sub, 100));
    } else if (!strcmp(operation, "request")) fail("request", natsConnection_RequestString(&msg, nc, "nobody", "x", 2000));
    else if (!strcmp(operation, "time-out")) {
        natsConnection_Subscribe(&sub, nc, "deaf", slow, NULL);
        fail("request", natsConnection_RequestString(&msg, nc, "deaf", "x", 200));
    } else if (!strcmp(operation, "big")) fail("publish", natsConnection_Publish(nc, "a", big, 5000));
    else if (!strcmp(operation, "slow")) {
        natsConnection_Subscribe(&sub, nc, "flood", slow, NULL);
        natsSubscription_SetPendingLimits(sub, 1, 1000);
        for (int i = 0; i < 20; i++) natsConnection_PublishString(nc, "flood", "x");
        settle(nc);
    } else if (!strcmp(operation, "subscriptions")) {
        for (const char *subject = "abc"; *subject; subject++) {
            char name[2] = {*subject, 0};
            fail("subscribe", natsConnection_SubscribeSync(&sub, nc, name));
        }
        settle(nc);
    } else if (!strcmp(operation, "closed")) {
        natsConnection_SubscribeSync(&sub, nc, "a");
        natsConnection_Close(nc);
        fail("publish", natsConnection_PublishString(nc, "a", "x"));
        fail("receive", natsSubscription_NextMsg(&msg, sub, 100));
    } else if (!strcmp(operation, "draining")) {
        natsConnection_Subscribe(&sub, nc, "a", slow, NULL);
        natsConnection_PublishString(nc, "a", "x");
        natsConnection_Flush(nc);
        fail("drain", natsConnection_Drain(nc));
        fail("subscribe", natsConnection_SubscribeSync(&sub, nc, "b"));
    } else if (!strcmp(operation, "unsubscribed")) {
        natsConnection_SubscribeSync(&sub, nc, "a");
        natsSubscription_Unsubscribe(sub);
        fail("receive", natsSubscription_NextMsg(&msg, sub, 100));
        natsConnection_Subscribe(&sub, nc, "b", slow, NULL);
        fail("receive", natsSubscription_NextMsg(&msg, sub, 100));
    } else if (!strcmp(operation, "bad-subject")) {
        fail("publish", natsConnection_PublishString(nc, "", "x"));
        fail("subscribe", natsConnection_SubscribeSync(&sub, nc, "a..b"));
    } else if (!strcmp(operation, "bad-queue")) fail("subscribe", natsConnection_QueueSubscribeSync(&sub, nc, "a", "b c"));
    else exit(9);
}

static void streams(const char *operation, natsConnection *nc) {
    jsCtx *js = NULL;
    jsErrCode code = 0;
    jsPubAck *ack = NULL;
    jsStreamInfo *info = NULL;
    jsConsumerInfo *consumer = NULL;
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = 2000;
    if (natsConnection_JetStream(&js, nc, &options) != NATS_OK) exit(1);
    if (!strcmp(operation, "no-jetstream")) {
        jsAccountInfo *account = NULL;
        natsStatus s = js_GetAccountInfo(&account, js, NULL, &code);
        fail_js("look at the account", s, code);
        s = js_Publish(&ack, js, "orders", "x", 1, NULL, &code);
        fail_js("publish", s, code);
    } else if (!strcmp(operation, "stream-not-found")) {
        natsStatus s = js_GetStreamInfo(&info, js, "MISSING", NULL, &code);
        fail_js("find the stream", s, code);
    } else if (!strcmp(operation, "consumer-not-found")) {
        natsStatus s = js_GetConsumerInfo(&consumer, js, "ORDERS", "missing", NULL, &code);
        fail_js("find the consumer", s, code);
    } else if (!strcmp(operation, "no-stream-listens")) {
        natsStatus s = js_Publish(&ack, js, "nowhere", "x", 1, NULL, &code);
        fail_js("publish", s, code);
    } else if (!strcmp(operation, "wrong-last-sequence")) {
        jsPubOptions wanted;
        jsPubOptions_Init(&wanted);
        wanted.ExpectLastSeq = 77;
        natsStatus s = js_Publish(&ack, js, "orders", "x", 1, &wanted, &code);
        fail_js("publish", s, code);
    } else if (!strcmp(operation, "stream-full")) {
        js_Publish(&ack, js, "full", "x", 1, NULL, &code);
        natsStatus s = js_Publish(&ack, js, "full", "x", 1, NULL, &code);
        fail_js("publish", s, code);
    } else if (!strcmp(operation, "message-too-big-for-stream")) {
        char *big = calloc(1, 500);
        natsStatus s = js_Publish(&ack, js, "full", big, 500, NULL, &code);
        fail_js("publish", s, code);
    } else if (!strcmp(operation, "stream-exists")) {
        const char *subjects[] = {"other"};
        jsStreamConfig config;
        jsStreamConfig_Init(&config);
        config.Name = "ORDERS";
        config.Subjects = subjects;
        config.SubjectsLen = 1;
        natsStatus s = js_AddStream(&info, js, &config, NULL, &code);
        fail_js("create the stream", s, code);
    } else if (!strcmp(operation, "message-not-found")) {
        natsMsg *msg = NULL;
        natsStatus s = js_GetMsg(&msg, js, "ORDERS", 99, NULL, &code);
        fail_js("get the message", s, code);
    } else if (!strcmp(operation, "fetch")) {
        natsSubscription *sub = NULL;
        natsMsgList list;
        natsStatus s = js_PullSubscribe(&sub, js, "empty", "reader", NULL, NULL, &code);
        fail_js("subscribe", s, code);
        s = natsSubscription_Fetch(&list, sub, 1, 300, &code);
        fail_js("fetch", s, code);
    } else if (!strcmp(operation, "key-value")) {
        kvStore *box = NULL;
        kvEntry *entry = NULL;
        fail("open the bucket", js_KeyValue(&box, js, "missing"));
        fail("open the bucket", js_KeyValue(&box, js, "a b"));
        fail("open the bucket", js_KeyValue(&box, js, "box"));
        fail("get the key", kvStore_Get(&entry, box, "missing"));
        fail("get the key", kvStore_Get(&entry, box, "a b"));
        fail("create the key", kvStore_CreateString(NULL, box, "there", "x"));
        fail("update the key", kvStore_UpdateString(NULL, box, "there", "x", 77));
    } else {
        exit(9);
    }
}

int main(int count, char **arguments) {
    natsOptions *opts = NULL;
    natsConnection *nc = NULL;
    if (count < 2) return 9;
    natsStatus s = make_options(&opts);
    if (s == NATS_OK) s = natsConnection_Connect(&nc, opts);
    if (s != NATS_OK) {
        fail("connect", s);
        return 0;
    }
    const char *known = " connect watch publish subscribe request time-out big slow subscriptions closed draining unsubscribed bad-subject bad-queue ";
    char name[100];
    snprintf(name, sizeof name, " %s ", arguments[1]);
    if (strstr(known, name)) core(arguments[1], nc);
    else streams(arguments[1], nc);
    return 0;
}
