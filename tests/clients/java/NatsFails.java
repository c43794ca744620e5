import io.nats.client.*;
import io.nats.client.api.*;
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Makes jnats fail in one situation. Its own listener logs to stderr what happens in the background. */
public final class NatsFails {
    private static final Duration PATIENCE = Duration.ofSeconds(2);
    private static final byte[] BODY = {'x'};

    @FunctionalInterface
    interface Core {
        void run(Connection nc) throws Exception;
    }

    @FunctionalInterface
    interface Streams {
        void run(Connection nc, JetStream js, JetStreamManagement jsm) throws Exception;
    }

    private static Options options() throws Exception {
        Map<String, String> env = System.getenv();
        Options.Builder made = new Options.Builder()
            .server(env.get("SERVER_URL"))
            .connectionTimeout(Duration.ofSeconds(3))
            .maxReconnects(0);
        if (!env.getOrDefault("NATS_LOGIN", "").isEmpty())
            made.userInfo(env.get("NATS_LOGIN"), env.get("NATS_PASS"));
        if (env.containsKey("CREDENTIALS")) made.authHandler(Nats.credentials(env.get("CREDENTIALS")));
        if (env.containsKey("CA")) made.sslContext(trusting(env.get("CA")));
        if (env.containsKey("SECURE") && !env.containsKey("CA")) made.secure();
        if (env.containsKey("PINGS")) made.pingInterval(Duration.ofMillis(200)).maxPingsOut(1);
        return made.build();
    }

    private static SSLContext trusting(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (FileInputStream in = new FileInputStream(file)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, factory.getTrustManagers(), null);
        return context;
    }

    private static void settle(Connection nc) {
        Printing.attempt("flush", () -> nc.flush(PATIENCE));
        Printing.pause(300);
    }

    private static Map<String, Core> core() {
        Map<String, Core> map = new TreeMap<>();
        map.put("connect", NatsFails::settle);
        map.put("watch", nc -> {
            Dispatcher dispatcher = nc.createDispatcher(msg -> Printing.pause(1000));
            dispatcher.subscribe("load");
            settle(nc);
            System.out.println("ready");
            Printing.pause(5000);
            Printing.attempt("publish", () -> nc.publish("a", BODY));
        });
        map.put("publish", nc -> {
            Printing.attempt("publish", () -> nc.publish("closed.door", BODY));
            settle(nc);
        });
        map.put("subscribe", nc -> {
            nc.subscribe("closed.door");
            settle(nc);
        });
        map.put("request", nc -> {
            Printing.attempt("request", () -> nc.request("nobody", BODY).get(2, TimeUnit.SECONDS));
            CompletableFuture<Message> asked = nc.requestWithTimeout("nobody", BODY, PATIENCE);
            Printing.attempt("request", () -> asked.get(2, TimeUnit.SECONDS));
        });
        map.put("time-out", nc -> {
            nc.createDispatcher(msg -> {}).subscribe("deaf");
            Printing.attempt("request", () -> nc.request("deaf", BODY).get(200, TimeUnit.MILLISECONDS));
            Printing.attempt("request", () -> nc.requestWithTimeout("deaf", BODY, Duration.ofMillis(200)).get());
        });
        map.put("big", nc -> Printing.attempt("publish", () -> nc.publish("a", new byte[5000])));
        map.put("slow", nc -> {
            Dispatcher dispatcher = nc.createDispatcher(msg -> Printing.pause(1000));
            dispatcher.setPendingLimits(1, 1000);
            dispatcher.subscribe("flood");
            for (int i = 0; i < 20; i++) nc.publish("flood", BODY);
            settle(nc);
        });
        map.put("subscriptions", nc -> {
            for (String subject : List.of("a", "b", "c")) Printing.attempt("subscribe", () -> nc.subscribe(subject));
            settle(nc);
        });
        map.put("closed", nc -> {
            Subscription sub = nc.subscribe("a");
            nc.close();
            Printing.attempt("publish", () -> nc.publish("a", BODY));
            Printing.attempt("request", () -> nc.request("a", BODY).get());
            Printing.attempt("subscribe", () -> nc.subscribe("a"));
            Printing.attempt("receive", () -> sub.nextMessage(PATIENCE));
            Printing.attempt("flush", () -> nc.flush(PATIENCE));
            Printing.attempt("drain", () -> nc.drain(PATIENCE));
            Printing.attempt("use JetStream", () -> nc.jetStream());
        });
        map.put("draining", nc -> {
            nc.createDispatcher(msg -> Printing.pause(500)).subscribe("a");
            nc.publish("a", BODY);
            nc.flush(PATIENCE);
            nc.drain(PATIENCE);
            Printing.attempt("subscribe", () -> nc.subscribe("b"));
            Printing.pause(800);
            Printing.attempt("publish", () -> nc.publish("a", BODY));
        });
        map.put("unsubscribed", nc -> {
            Subscription sub = nc.subscribe("a");
            sub.unsubscribe();
            Printing.attempt("receive", () -> sub.nextMessage(PATIENCE));
            Dispatcher dispatcher = nc.createDispatcher(msg -> {});
            nc.closeDispatcher(dispatcher);
            Printing.attempt("subscribe", () -> dispatcher.subscribe("a"));
        });
        map.put("bad-subject", nc -> {
            Printing.attempt("publish", () -> nc.publish("", BODY));
            Printing.attempt("publish", () -> nc.publish("a b", BODY));
            Printing.attempt("subscribe", () -> nc.subscribe("a..b"));
            Printing.attempt("subscribe", () -> nc.subscribe("a b"));
        });
        map.put("bad-queue", nc -> Printing.attempt("subscribe", () -> nc.subscribe("a", "b c")));
        map.put("no-reply", nc -> {
            Subscription sub = nc.subscribe("a");
            nc.publish("a", BODY);
            Message msg = sub.nextMessage(PATIENCE);
            Printing.attempt("respond", () -> nc.publish(msg.getReplyTo(), BODY));
            Printing.attempt("acknowledge", () -> msg.ackSync(PATIENCE));
            Printing.attempt("acknowledge", msg::metaData);
        });
        return map;
    }

    private static StreamConfiguration stream(String name, String subject) {
        return StreamConfiguration.builder().name(name).subjects(subject).build();
    }

    private static Map<String, Streams> streams() {
        Map<String, Streams> map = new TreeMap<>();
        map.put("no-jetstream", (nc, js, jsm) -> {
            Printing.attempt("look at the account", jsm::getAccountStatistics);
            Printing.attempt("publish", () -> js.publish("orders", BODY));
            Printing.attempt("find the stream", () -> jsm.getStreamInfo("ORDERS"));
        });
        map.put("stream-not-found", (nc, js, jsm) -> {
            Printing.attempt("find the stream", () -> jsm.getStreamInfo("MISSING"));
            Printing.attempt("find the stream", () -> js.getStreamContext("MISSING"));
            Printing.attempt("subscribe", () -> js.subscribe("nowhere"));
            Printing.attempt("subscribe", () -> js.subscribe("orders", PushSubscribeOptions.stream("MISSING")));
        });
        map.put("consumer-not-found", (nc, js, jsm) -> {
            Printing.attempt("find the consumer", () -> jsm.getConsumerInfo("ORDERS", "missing"));
            Printing.attempt("find the consumer", () -> js.getConsumerContext("ORDERS", "missing"));
            Printing.attempt("subscribe", () -> js.subscribe(null, PullSubscribeOptions.bind("ORDERS", "missing")));
        });
        map.put("no-stream-listens", (nc, js, jsm) -> Printing.attempt("publish", () -> js.publish("nowhere", BODY)));
        map.put("wrong-last-sequence", (nc, js, jsm) -> {
            PublishOptions sequence = PublishOptions.builder().expectedLastSequence(77).build();
            PublishOptions id = PublishOptions.builder().expectedLastMsgId("other").build();
            PublishOptions stream = PublishOptions.builder().expectedStream("OTHER").build();
            for (PublishOptions wanted : List.of(sequence, id, stream))
                Printing.attempt("publish", () -> js.publish("orders", BODY, wanted));
        });
        map.put("stream-full", (nc, js, jsm) -> {
            for (int i = 0; i < 2; i++) Printing.attempt("publish", () -> js.publish("full", BODY));
        });
        map.put("message-too-big-for-stream", (nc, js, jsm) ->
            Printing.attempt("publish", () -> js.publish("full", new byte[500])));
        map.put("sealed", (nc, js, jsm) -> {
            Printing.attempt("delete the message", () -> jsm.deleteMessage("SEALED", 1));
            Printing.attempt("purge the stream", () -> jsm.purgeStream("SEALED"));
        });
        map.put("stream-exists", (nc, js, jsm) -> {
            Printing.attempt("create the stream", () -> jsm.addStream(stream("ORDERS", "other")));
            Printing.attempt("create the stream", () -> jsm.addStream(stream("OVERLAP", "orders")));
        });
        map.put("stream-name-invalid", (nc, js, jsm) -> {
            Printing.attempt("find the stream", () -> jsm.getStreamInfo("a.b"));
            Printing.attempt("find the stream", () -> jsm.getStreamInfo(""));
            Printing.attempt("find the consumer", () -> js.getConsumerContext("ORDERS", "a.b"));
            Printing.attempt("name the consumer", () -> ConsumerConfiguration.builder().durable("a.b").build());
        });
        map.put("consumer-exists", (nc, js, jsm) -> {
            ConsumerConfiguration other = ConsumerConfiguration.builder().durable("reader").ackPolicy(AckPolicy.None).build();
            Printing.attempt("create the consumer", () -> jsm.createConsumer("ORDERS", other));
            ConsumerConfiguration missing = ConsumerConfiguration.builder().durable("missing").build();
            Printing.attempt("update the consumer", () -> jsm.updateConsumer("ORDERS", missing));
            PullSubscribeOptions mine = PullSubscribeOptions.builder().stream("ORDERS").configuration(other).build();
            Printing.attempt("subscribe", () -> js.subscribe("orders", mine));
            PushSubscribeOptions push = PushSubscribeOptions.builder().stream("ORDERS").durable("reader").build();
            Printing.attempt("subscribe", () -> js.subscribe("orders", push));
        });
        map.put("replicas", (nc, js, jsm) -> {
            StreamConfiguration three = StreamConfiguration.builder().name("THREE").replicas(3).build();
            Printing.attempt("create the stream", () -> jsm.addStream(three));
        });
        map.put("no-space", (nc, js, jsm) -> {
            StreamConfiguration huge = StreamConfiguration.builder().name("HUGE").maxBytes(1L << 40).build();
            Printing.attempt("create the stream", () -> jsm.addStream(huge));
        });
        map.put("message-not-found", (nc, js, jsm) -> {
            Printing.attempt("get the message", () -> jsm.getMessage("ORDERS", 99));
            Printing.attempt("get the message", () -> jsm.getLastMessage("ORDERS", "nowhere"));
            Printing.attempt("delete the message", () -> jsm.deleteMessage("ORDERS", 99));
        });
        map.put("fetch", (nc, js, jsm) -> {
            JetStreamSubscription sub = js.subscribe(null, PullSubscribeOptions.bind("EMPTY", "narrow"));
            Printing.attempt("fetch", () -> sub.fetch(50, PATIENCE));
            Printing.attempt("fetch", () -> js.getConsumerContext("EMPTY", "narrow").next(100));
        });
        map.put("consumer-deleted", (nc, js, jsm) -> {
            ConsumerConfiguration doomed = ConsumerConfiguration.builder().durable("doomed").build();
            jsm.createConsumer("EMPTY", doomed);
            JetStreamSubscription sub = js.subscribe(null, PullSubscribeOptions.bind("EMPTY", "doomed"));
            sub.pullExpiresIn(1, PATIENCE);
            Printing.pause(200);
            jsm.deleteConsumer("EMPTY", "doomed");
            Printing.attempt("fetch", () -> sub.nextMessage(PATIENCE));
            jsm.createConsumer("EMPTY", doomed);
            ConsumerContext context = js.getConsumerContext("EMPTY", "doomed");
            jsm.deleteConsumer("EMPTY", "doomed");
            Printing.attempt("fetch", () -> context.next(PATIENCE));
            Printing.attempt("fetch", context::getConsumerInfo);
        });
        map.put("key-value", (nc, js, jsm) -> {
            Printing.attempt("look at the bucket", () -> nc.keyValueManagement().getStatus("missing"));
            Printing.attempt("get the key", () -> nc.keyValue("missing").get("a"));
            Printing.attempt("put the key", () -> nc.keyValue("missing").put("a", BODY));
            Printing.attempt("open the bucket", () -> nc.keyValue("a b"));
            KeyValue box = nc.keyValue("box");
            Printing.attempt("get the key", () -> box.get("a b"));
            Printing.attempt("create the key", () -> box.create("there", BODY));
            Printing.attempt("update the key", () -> box.update("there", BODY, 77));
            Printing.attempt("create the bucket", () ->
                nc.keyValueManagement().create(KeyValueConfiguration.builder().name("many").maxHistoryPerKey(100).build()));
        });
        map.put("objects", (nc, js, jsm) -> {
            Printing.attempt("open the store", () -> nc.objectStore("missing").getStatus());
            ObjectStore store = nc.objectStore("store");
            Printing.attempt("get the object", () -> store.get("missing", new java.io.ByteArrayOutputStream()));
            Printing.attempt("delete the object", () -> store.delete("missing"));
        });
        return map;
    }

    public static void main(String[] arguments) throws Exception {
        String operation = arguments[0];
        Core core = core().get(operation);
        Streams streams = streams().get(operation);
        if (core == null && streams == null) System.exit(9);
        try (Connection nc = Nats.connect(options())) {
            if (core != null) core.run(nc);
            else streams.run(nc, nc.jetStream(), nc.jetStreamManagement());
        } catch (Exception error) {
            Printing.fail("connect", error);
        }
        System.exit(0);
    }
}
