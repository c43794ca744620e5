// Makes go-xmpp fail in one situation and prints what it says, one JSON object a line.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/xmppo/go-xmpp"
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
	log.New(&written, "", log.LstdFlags).Printf("%s: %v", doing, err)
	say("logged", strings.TrimSpace(written.String()))
}

func options() xmpp.Options {
	env := os.Getenv
	made := xmpp.Options{
		Host:                         env("XMPP_HOST") + ":" + env("XMPP_PORT"),
		User:                         env("XMPP_USER") + "@" + env("XMPP_DOMAIN"),
		Password:                     env("XMPP_PASS"),
		Resource:                     "here",
		DialTimeout:                  3 * time.Second,
		NoTLS:                        true,
		StartTLS:                     env("XMPP_TLS") == "on",
		InsecureAllowUnencryptedAuth: env("XMPP_TLS") != "on",
		Session:                      false,
		Mechanism:                    map[bool]string{true: "", false: "PLAIN"}[env("XMPP_TLS") == "on"],
	}
	if file := env("CA"); file != "" {
		pool := x509.NewCertPool()
		pem, _ := os.ReadFile(file)
		pool.AppendCertsFromPEM(pem)
		made.TLSConfig = &tls.Config{RootCAs: pool, ServerName: "localhost"}
	}
	return made
}

// receive prints what arrives until nothing has come for a while, or an error ends it.
func receive(client *xmpp.Client, patience time.Duration) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			stanza, err := client.Recv()
			if err != nil {
				fail("receive", err)
				return
			}
			if presence, ok := stanza.(xmpp.Presence); ok && presence.Type == "error" {
				say("inspected", fmt.Sprintf("%+v", presence))
			}
		}
	}()
	select {
	case <-over:
	case <-time.After(patience):
	}
}

func main() {
	operations := map[string]func(*xmpp.Client){
		"connect": func(*xmpp.Client) {},
		"watch": func(client *xmpp.Client) {
			fmt.Println("ready")
			receive(client, 3*time.Second)
			_, err := client.SendOrg("<presence/>")
			fail("send", err)
		},
		"join": func(client *xmpp.Client) {
			nick := os.Getenv("NICK")
			if nick == "" {
				nick = "alice"
			}
			_, err := client.JoinMUCNoHistory(os.Getenv("ROOM")+"@rooms.localhost", nick)
			fail("join", err)
			receive(client, time.Second)
		},
		"big": func(client *xmpp.Client) {
			_, _, err := client.Send(xmpp.Chat{Remote: "bob@localhost", Type: "chat", Text: strings.Repeat("x", 9000)})
			fail("send", err)
			receive(client, 1500*time.Millisecond)
		},
		"malformed": func(client *xmpp.Client) {
			_, err := client.SendOrg("<a><b></a>")
			fail("send", err)
			receive(client, 1500*time.Millisecond)
		},
	}
	run, ok := operations[os.Args[1]]
	if !ok {
		os.Exit(9)
	}
	made := options()
	client, err := made.NewClient()
	if err != nil {
		fail("connect", err)
		return
	}
	run(client)
}
