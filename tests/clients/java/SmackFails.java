import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Map;
import java.util.TreeMap;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.jivesoftware.smack.ConnectionConfiguration.SecurityMode;
import org.jivesoftware.smack.ConnectionListener;
import org.jivesoftware.smack.ReconnectionManager;
import org.jivesoftware.smack.packet.IQ;
import org.jivesoftware.smack.packet.MessageBuilder;
import org.jivesoftware.smack.tcp.XMPPTCPConnection;
import org.jivesoftware.smack.tcp.XMPPTCPConnectionConfiguration;
import org.jivesoftware.smackx.disco.ServiceDiscoveryManager;
import org.jivesoftware.smackx.iqregister.AccountManager;
import org.jivesoftware.smackx.muc.MultiUserChat;
import org.jivesoftware.smackx.muc.MultiUserChatManager;
import org.jivesoftware.smackx.ping.PingManager;
import org.jivesoftware.smackx.pubsub.PubSubManager;
import org.jivesoftware.smackx.vcardtemp.VCardManager;
import org.jxmpp.jid.impl.JidCreate;
import org.jxmpp.jid.parts.Localpart;
import org.jxmpp.jid.parts.Resourcepart;

/** Makes Smack fail in one situation. Its own logger writes to stderr what happens in the background. */
public final class SmackFails {
    private static final Map<String, String> ENV = System.getenv();

    @FunctionalInterface
    interface Operation {
        void run(XMPPTCPConnection connection) throws Exception;
    }

    private static XMPPTCPConnection connection() throws Exception {
        XMPPTCPConnectionConfiguration.Builder made = XMPPTCPConnectionConfiguration.builder()
            .setUsernameAndPassword(ENV.get("XMPP_USER"), ENV.get("XMPP_PASS"))
            .setXmppDomain(ENV.get("XMPP_DOMAIN"))
            .setResource("here")
            .setPort(Integer.parseInt(ENV.get("XMPP_PORT")))
            .setConnectTimeout(3000)
            .setSecurityMode(ENV.get("XMPP_TLS").equals("on") ? SecurityMode.required : SecurityMode.disabled);
        made.setHost(ENV.get("XMPP_HOST"));
        if (ENV.containsKey("CA")) made.setCustomX509TrustManager(trusting(ENV.get("CA")));
        XMPPTCPConnection connection = new XMPPTCPConnection(made.build());
        connection.setReplyTimeout(2000);
        ReconnectionManager.getInstanceFor(connection).disableAutomaticReconnection();
        return connection;
    }

    private static X509TrustManager trusting(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (FileInputStream in = new FileInputStream(file)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return (X509TrustManager) factory.getTrustManagers()[0];
    }

    private static Map<String, Operation> operations() {
        Map<String, Operation> map = new TreeMap<>();
        map.put("connect", connection -> {});
        map.put("watch", connection -> {
            connection.addConnectionListener(new ConnectionListener() {
                @Override
                public void connectionClosedOnError(Exception error) {
                    Printing.fail("stay connected", error);
                }
            });
            System.out.println("ready");
            Printing.pause(3000);
            Printing.attempt("send", () -> connection.sendStanza(MessageBuilder.buildMessage().to("bob@localhost").setBody("x").build()));
        });
        map.put("ping", connection -> {
            connection.addConnectionListener(new ConnectionListener() {
                @Override
                public void connectionClosedOnError(Exception error) {
                    Printing.fail("stay connected", error);
                }
            });
            System.out.println("ready");
            Printing.pause(500);
            Printing.attempt("ping", () -> PingManager.getInstanceFor(connection).pingMyServer());
            Printing.attempt("ask", () -> VCardManager.getInstanceFor(connection).loadVCard());
        });
        map.put("unsupported", connection -> Printing.attempt("ask", () -> connection.sendIqRequestAndWaitForResponse(unknown("localhost"))));
        map.put("remote", connection -> Printing.attempt("ask", () ->
            ServiceDiscoveryManager.getInstanceFor(connection).discoverInfo(JidCreate.from("other.example"))));
        map.put("gone", connection -> Printing.attempt("ask", () ->
            ServiceDiscoveryManager.getInstanceFor(connection).discoverInfo(JidCreate.from("bob@localhost/gone"))));
        map.put("item", connection -> {
            Printing.attempt("find the node", () ->
                PubSubManager.getInstanceFor(connection, JidCreate.bareFrom("nodes.localhost")).getNode("missing"));
            Printing.attempt("look around", () ->
                ServiceDiscoveryManager.getInstanceFor(connection).discoverItems(JidCreate.from("localhost"), "missing"));
        });
        map.put("create", connection -> Printing.attempt("create the node", () ->
            PubSubManager.getInstanceFor(connection, JidCreate.bareFrom("nodes.localhost")).createNode("mine")));
        map.put("join", connection -> {
            MultiUserChat chat = MultiUserChatManager.getInstanceFor(connection)
                .getMultiUserChat(JidCreate.entityBareFrom(ENV.get("ROOM") + "@rooms.localhost"));
            Printing.attempt("join", () -> chat.join(Resourcepart.from(ENV.getOrDefault("NICK", "alice"))));
        });
        map.put("deaf", connection -> Printing.attempt("ask", () ->
            connection.sendIqRequestAndWaitForResponse(unknown("bob@localhost/deaf"))));
        map.put("big", connection -> {
            connection.addConnectionListener(new ConnectionListener() {
                @Override
                public void connectionClosedOnError(Exception error) {
                    Printing.fail("stay connected", error);
                }
            });
            Printing.attempt("send", () -> connection.sendStanza(
                MessageBuilder.buildMessage().to("bob@localhost").setBody("x".repeat(9000)).build()));
            Printing.pause(1500);
        });
        map.put("register", connection -> {});
        return map;
    }

    private static IQ unknown(String to) throws Exception {
        IQ iq = new IQ("query", "urn:example") {
            @Override
            protected IQChildElementXmlStringBuilder getIQChildElementBuilder(IQChildElementXmlStringBuilder xml) {
                xml.setEmptyElement();
                return xml;
            }
        };
        iq.setType(IQ.Type.get);
        iq.setTo(JidCreate.from(to));
        return iq;
    }

    private static void register(XMPPTCPConnection connection) throws Exception {
        AccountManager manager = AccountManager.getInstance(connection);
        manager.sensitiveOperationOverInsecureConnection(true);
        Printing.attempt("create the account", () -> manager.createAccount(Localpart.from("newcomer"), "secret"));
    }

    public static void main(String[] arguments) throws Exception {
        Operation operation = operations().get(arguments[0]);
        if (operation == null) System.exit(9);
        XMPPTCPConnection connection = connection();
        try {
            connection.connect();
            if (arguments[0].equals("register")) {
                register(connection);
            } else {
                connection.login();
                operation.run(connection);
            }
        } catch (Exception error) {
            Printing.fail("connect", error);
        }
        System.exit(0);
    }
}
