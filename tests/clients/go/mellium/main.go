// Makes mellium.im/xmpp fail in one situation and prints what it says, one JSON object a line.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"mellium.im/sasl"
	"mellium.im/xmpp"
	"mellium.im/xmpp/dial"
	"mellium.im/xmpp/disco"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/muc"
	"mellium.im/xmpp/mux"
	"mellium.im/xmpp/pubsub"
	"mellium.im/xmpp/stanza"
)

func say(form, text string) {
	line, _ := json.Marshal(map[string]string{"form": form, "text": text})
	fmt.Println(string(line))
}

func fail(doing string, err error) {
	if err == nil {
		return
	}
	say("message", err.Error())
	var written strings.Builder
	slog.New(slog.NewTextHandler(&written, nil)).Error("could not "+doing, "err", err)
	say("logged", strings.TrimSpace(written.String()))
	say("inspected", fmt.Sprintf("%+v", err))
}

func connect(ctx context.Context, handler xmpp.Handler) (*xmpp.Session, error) {
	env := os.Getenv
	address := jid.MustParse(env("XMPP_USER") + "@" + env("XMPP_DOMAIN") + "/here")
	var conn net.Conn
	var err error
	if strings.HasSuffix(env("XMPP_HOST"), ".invalid") {
		conn, err = dial.Client(ctx, "tcp", address)
	} else {
		conn, err = net.DialTimeout("tcp", env("XMPP_HOST")+":"+env("XMPP_PORT"), 3*time.Second)
	}
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: address.Domain().String()}
	if file := env("CA"); file != "" {
		config.RootCAs = x509.NewCertPool()
		pem, _ := os.ReadFile(file)
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	login := xmpp.SASL("", env("XMPP_PASS"), sasl.ScramSha1, sasl.Plain)
	features := []xmpp.StreamFeature{login, xmpp.BindResource()}
	if env("XMPP_TLS") == "on" {
		features = append(features, xmpp.StartTLS(config))
	} else {
		login.Necessary &^= xmpp.Secure
		features[0] = login
	}
	session, err := xmpp.NewClientSession(ctx, address, conn, features...)
	if err != nil {
		return nil, err
	}
	go func() { fail("serve", session.Serve(handler)) }()
	return session, nil
}

func main() {
	rooms := &muc.Client{}
	operations := map[string]func(context.Context, *xmpp.Session){
		"connect": func(context.Context, *xmpp.Session) {},
		"watch": func(ctx context.Context, session *xmpp.Session) {
			fmt.Println("ready")
			time.Sleep(3 * time.Second)
			fail("send", session.Send(ctx, stanza.Presence{}.Wrap(nil)))
		},
		"unsupported": func(ctx context.Context, session *xmpp.Session) {
			iq := stanza.IQ{Type: stanza.GetIQ, To: jid.MustParse("localhost")}
			answer := struct {
				stanza.IQ
				Version string `xml:"urn:example query"`
			}{}
			fail("ask", session.UnmarshalIQElement(ctx, disco.InfoQuery{Node: "missing"}.TokenReader(), iq, &answer))
		},
		"remote": func(ctx context.Context, session *xmpp.Session) {
			_, err := disco.GetInfo(ctx, "", jid.MustParse("other.example"), session)
			fail("ask", err)
		},
		"gone": func(ctx context.Context, session *xmpp.Session) {
			_, err := disco.GetInfo(ctx, "", jid.MustParse("bob@localhost/gone"), session)
			fail("ask", err)
		},
		"item": func(ctx context.Context, session *xmpp.Session) {
			_, err := disco.GetInfo(ctx, "missing", jid.MustParse("localhost"), session)
			fail("ask", err)
		},
		"create": func(ctx context.Context, session *xmpp.Session) {
			fail("create the node", pubsub.CreateNodeIQ(ctx, session, stanza.IQ{To: jid.MustParse("nodes.localhost")}, "mine", nil))
		},
		"join": func(ctx context.Context, session *xmpp.Session) {
			nick := os.Getenv("NICK")
			if nick == "" {
				nick = "alice"
			}
			_, err := rooms.Join(ctx, jid.MustParse(os.Getenv("ROOM")+"@rooms.localhost/"+nick), session)
			fail("join", err)
		},
		"deaf": func(ctx context.Context, session *xmpp.Session) {
			_, err := disco.GetInfo(ctx, "", jid.MustParse("bob@localhost/deaf"), session)
			fail("ask", err)
		},
		"big": func(ctx context.Context, session *xmpp.Session) {
			big := struct {
				stanza.Message
				Body string `xml:"body"`
			}{stanza.Message{To: jid.MustParse("bob@localhost")}, strings.Repeat("x", 9000)}
			fail("send", session.Encode(ctx, big))
			time.Sleep(1500 * time.Millisecond)
		},
	}
	run, ok := operations[os.Args[1]]
	if !ok {
		os.Exit(9)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	session, err := connect(ctx, mux.New(stanza.NSClient, muc.HandleClient(rooms)))
	if err != nil {
		fail("connect", err)
		return
	}
	if os.Args[1] == "watch" {
		ctx = context.Background()
	}
	run(ctx, session)
	time.Sleep(100 * time.Millisecond)
}
