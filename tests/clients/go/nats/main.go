// Makes nats.go fail in one situation and prints what it says, one JSON object a line.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var patience = 2 * time.Second

func say(form, text string) {
	line, _ := json.Marshal(map[string]string{"form": form, "text": text})
	fmt.Println(string(line))
}

// fail prints an error as its text and as the two loggers of the standard library write it.
func fail(doing string, err error) {
	if err == nil {
		return
	}
	say("message", err.Error())
	var written strings.Builder
	log.New(&written, "", log.LstdFlags).Printf("%s: %v", doing, err)
	say("logged", strings.TrimSpace(written.String()))
	written.Reset()
	slog.New(slog.NewTextHandler(&written, nil)).Error("could not "+doing, "err", err)
	say("logged", strings.TrimSpace(written.String()))
}

func options() []nats.Option {
	made := []nats.Option{
		nats.Timeout(3 * time.Second),
		nats.MaxReconnects(0),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { fail("serve", err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { fail("stay connected", err) }),
	}
	if file := os.Getenv("CREDENTIALS"); file != "" {
		made = append(made, nats.UserCredentials(file))
	}
	if user := os.Getenv("NATS_LOGIN"); user != "" {
		made = append(made, nats.UserInfo(user, os.Getenv("NATS_PASS")))
	}
	if file := os.Getenv("CA"); file != "" {
		made = append(made, nats.RootCAs(file))
	}
	if os.Getenv("SECURE") != "" {
		made = append(made, nats.Secure())
	}
	if os.Getenv("PINGS") != "" {
		made = append(made, nats.PingInterval(200*time.Millisecond), nats.MaxPingsOutstanding(1))
	}
	return made
}

func connect(more ...nats.Option) *nats.Conn {
	nc, err := nats.Connect(os.Getenv("SERVER_URL"), append(options(), more...)...)
	if err != nil {
		fail("connect", err)
		os.Exit(0)
	}
	return nc
}

// settle waits until the server has answered everything, and the callbacks have run.
func settle(nc *nats.Conn) {
	fail("flush", nc.FlushTimeout(patience))
	time.Sleep(300 * time.Millisecond)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func quiet(*nats.Msg) {}

func main() {
	core := map[string]func(*nats.Conn){
		"connect": settle,
		"watch": func(nc *nats.Conn) {
			_, err := nc.Subscribe("load", func(*nats.Msg) { time.Sleep(time.Second) })
			must(err)
			settle(nc)
			fmt.Println("ready")
			time.Sleep(5 * time.Second)
			fail("publish", nc.Publish("a", nil))
		},
		"publish": func(nc *nats.Conn) { fail("publish", nc.Publish("closed.door", []byte("x"))); settle(nc) },
		"subscribe": func(nc *nats.Conn) {
			sub, err := nc.SubscribeSync("closed.door")
			fail("subscribe", err)
			settle(nc)
			_, err = sub.NextMsg(100 * time.Millisecond)
			fail("receive", err)
		},
		"request": func(nc *nats.Conn) { _, err := nc.Request("nobody", nil, patience); fail("request", err) },
		"time-out": func(nc *nats.Conn) {
			nc.Subscribe("deaf", quiet)
			_, err := nc.Request("deaf", nil, 200*time.Millisecond)
			fail("request", err)
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			_, err = nc.RequestWithContext(ctx, "deaf", nil)
			fail("request", err)
			sub, _ := nc.SubscribeSync("silent")
			_, err = sub.NextMsg(100 * time.Millisecond)
			fail("receive", err)
		},
		"big": func(nc *nats.Conn) { fail("publish", nc.Publish("a", make([]byte, 5000))) },
		"slow": func(nc *nats.Conn) {
			sub, err := nc.Subscribe("flood", func(*nats.Msg) { time.Sleep(time.Second) })
			must(err)
			must(sub.SetPendingLimits(1, 1000))
			for range 20 {
				nc.Publish("flood", []byte("x"))
			}
			settle(nc)
		},
		"subscriptions": func(nc *nats.Conn) {
			for _, subject := range []string{"a", "b", "c"} {
				_, err := nc.Subscribe(subject, quiet)
				fail("subscribe", err)
			}
			settle(nc)
		},
		"closed": func(nc *nats.Conn) {
			sub, _ := nc.SubscribeSync("a")
			nc.Close()
			fail("publish", nc.Publish("a", nil))
			_, err := nc.Request("a", nil, patience)
			fail("request", err)
			_, err = sub.NextMsg(patience)
			fail("receive", err)
			fail("drain", nc.Drain())
		},
		"draining": func(nc *nats.Conn) {
			nc.Subscribe("a", func(*nats.Msg) { time.Sleep(500 * time.Millisecond) })
			nc.Publish("a", nil)
			nc.Flush()
			fail("drain", nc.Drain())
			_, err := nc.Subscribe("b", quiet)
			fail("subscribe", err)
			time.Sleep(100 * time.Millisecond)
		},
		"unsubscribed": func(nc *nats.Conn) {
			sub, _ := nc.SubscribeSync("a")
			sub.Unsubscribe()
			_, err := sub.NextMsg(100 * time.Millisecond)
			fail("receive", err)
			async, _ := nc.Subscribe("b", quiet)
			_, err = async.NextMsg(100 * time.Millisecond)
			fail("receive", err)
		},
		"bad-subject": func(nc *nats.Conn) {
			fail("publish", nc.Publish("", nil))
			_, err := nc.Subscribe("a..b", quiet)
			fail("subscribe", err)
		},
		"bad-queue": func(nc *nats.Conn) { _, err := nc.QueueSubscribe("a", "b c", quiet); fail("subscribe", err) },
		"no-deadline": func(nc *nats.Conn) {
			fail("flush", nc.FlushWithContext(context.Background()))
			fail("flush", nc.FlushTimeout(0))
		},
		"no-reply": func(nc *nats.Conn) {
			fail("respond", (&nats.Msg{Subject: "a"}).Respond(nil))
			sub, _ := nc.SubscribeSync("a")
			nc.Publish("a", nil)
			msg, err := sub.NextMsg(patience)
			must(err)
			fail("respond", msg.Respond(nil))
			fail("acknowledge", msg.Ack())
		},
	}
	streams := map[string]func(jetstream.JetStream, *nats.Conn, context.Context){
		"no-jetstream": func(js jetstream.JetStream, nc *nats.Conn, ctx context.Context) {
			_, err := js.AccountInfo(ctx)
			fail("look at the account", err)
			_, err = js.Publish(ctx, "orders", nil)
			fail("publish", err)
			_, err = js.Stream(ctx, "ORDERS")
			fail("find the stream", err)
			old, _ := nc.JetStream()
			_, err = old.AccountInfo()
			fail("look at the account", err)
		},
		"stream-not-found": func(js jetstream.JetStream, nc *nats.Conn, ctx context.Context) {
			_, err := js.Stream(ctx, "MISSING")
			fail("find the stream", err)
			old, _ := nc.JetStream()
			_, err = old.StreamInfo("MISSING")
			fail("find the stream", err)
			_, err = js.StreamNameBySubject(ctx, "nowhere")
			fail("find the stream", err)
			_, err = old.SubscribeSync("nowhere")
			fail("subscribe", err)
		},
		"consumer-not-found": func(js jetstream.JetStream, nc *nats.Conn, ctx context.Context) {
			_, err := js.Consumer(ctx, "ORDERS", "missing")
			fail("find the consumer", err)
			old, _ := nc.JetStream()
			_, err = old.ConsumerInfo("ORDERS", "missing")
			fail("find the consumer", err)
		},
		"no-stream-listens": func(js jetstream.JetStream, nc *nats.Conn, ctx context.Context) {
			_, err := js.Publish(ctx, "nowhere", nil)
			fail("publish", err)
			old, _ := nc.JetStream()
			_, err = old.Publish("nowhere", nil)
			fail("publish", err)
		},
		"wrong-last-sequence": func(js jetstream.JetStream, nc *nats.Conn, ctx context.Context) {
			_, err := js.Publish(ctx, "orders", nil, jetstream.WithExpectLastSequence(77))
			fail("publish", err)
			_, err = js.Publish(ctx, "orders", nil, jetstream.WithExpectLastMsgID("other"))
			fail("publish", err)
			_, err = js.Publish(ctx, "orders", nil, jetstream.WithExpectStream("OTHER"))
			fail("publish", err)
			old, _ := nc.JetStream()
			_, err = old.Publish("orders", nil, nats.ExpectLastSequence(77))
			fail("publish", err)
		},
		"stream-full": func(js jetstream.JetStream, _ *nats.Conn, ctx context.Context) {
			js.Publish(ctx, "full", nil)
			_, err := js.Publish(ctx, "full", nil)
			fail("publish", err)
		},
		"message-too-big-for-stream": func(js jetstream.JetStream, _ *nats.Conn, ctx context.Context) {
			_, err := js.Publish(ctx, "full", make([]byte, 500))
			fail("publish", err)
		},
		"sealed": func(js jetstream.JetStream, _ *nats.Conn, ctx context.Context) {
			stream, err := js.Stream(ctx, "SEALED")
			must(err)
			fail("delete the message", stream.DeleteMsg(ctx, 1))
			fail("purge the stream", stream.Purge(ctx))
		},
		"stream-exists": func(js jetstream.JetStream, nc *nats.Conn, ctx context.Context) {
			_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"other"}})
			fail("create the stream", err)
			_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "OVERLAP", Subjects: []string{"orders"}})
			fail("create the stream", err)
			old, _ := nc.JetStream()
			_, err = old.AddStream(&nats.StreamConfig{Name: "ORDERS", Subjects: []string{"other"}})
			fail("create the stream", err)
		},
		"stream-name-invalid": func(js jetstream.JetStream, nc *nats.Conn, ctx context.Context) {
			_, err := js.Stream(ctx, "a.b")
			fail("find the stream", err)
			_, err = js.Stream(ctx, "")
			fail("find the stream", err)
			_, err = js.Consumer(ctx, "ORDERS", "a.b")
			fail("find the consumer", err)
			old, _ := nc.JetStream()
			_, err = old.StreamInfo("a.b")
			fail("find the stream", err)
			_, err = old.StreamInfo("")
			fail("find the stream", err)
		},
		"consumer-exists": func(js jetstream.JetStream, _ *nats.Conn, ctx context.Context) {
			_, err := js.CreateConsumer(ctx, "ORDERS", jetstream.ConsumerConfig{Durable: "reader", AckPolicy: jetstream.AckNonePolicy})
			fail("create the consumer", err)
			_, err = js.UpdateConsumer(ctx, "ORDERS", jetstream.ConsumerConfig{Durable: "missing"})
			fail("update the consumer", err)
			_, err = js.CreateConsumer(ctx, "ORDERS", jetstream.ConsumerConfig{FilterSubject: "a", FilterSubjects: []string{"b"}})
			fail("create the consumer", err)
		},
		"replicas": func(js jetstream.JetStream, _ *nats.Conn, ctx context.Context) {
			_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "THREE", Replicas: 3})
			fail("create the stream", err)
		},
		"no-space": func(js jetstream.JetStream, _ *nats.Conn, ctx context.Context) {
			_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "HUGE", MaxBytes: 1 << 40})
			fail("create the stream", err)
		},
		"message-not-found": func(js jetstream.JetStream, nc *nats.Conn, ctx context.Context) {
			stream, err := js.Stream(ctx, "ORDERS")
			must(err)
			_, err = stream.GetMsg(ctx, 99)
			fail("get the message", err)
			_, err = stream.GetLastMsgForSubject(ctx, "nowhere")
			fail("get the message", err)
			fail("delete the message", stream.DeleteMsg(ctx, 99))
			old, _ := nc.JetStream()
			_, err = old.GetMsg("ORDERS", 99)
			fail("get the message", err)
		},
		"fetch": func(js jetstream.JetStream, nc *nats.Conn, ctx context.Context) {
			consumer, err := js.Consumer(ctx, "EMPTY", "reader")
			must(err)
			_, err = consumer.Next(jetstream.FetchMaxWait(300 * time.Millisecond))
			fail("fetch", err)
			old, _ := nc.JetStream()
			sub, err := old.PullSubscribe("", "reader", nats.Bind("EMPTY", "reader"))
			must(err)
			_, err = sub.Fetch(1, nats.MaxWait(300*time.Millisecond))
			fail("fetch", err)
			batch, err := consumer.Fetch(999, jetstream.FetchMaxWait(300*time.Millisecond))
			must(err)
			for range batch.Messages() {
			}
			fail("fetch", batch.Error())
			many, _ := js.Consumer(ctx, "EMPTY", "narrow")
			batch, err = many.Fetch(50, jetstream.FetchMaxWait(2*time.Second))
			must(err)
			for range batch.Messages() {
			}
			fail("fetch", batch.Error())
		},
		"consumer-deleted": func(js jetstream.JetStream, nc *nats.Conn, ctx context.Context) {
			config := jetstream.ConsumerConfig{Durable: "doomed", AckPolicy: jetstream.AckExplicitPolicy}
			consumer, err := js.CreateConsumer(ctx, "EMPTY", config)
			must(err)
			go func() {
				time.Sleep(300 * time.Millisecond)
				js.DeleteConsumer(ctx, "EMPTY", "doomed")
			}()
			_, err = consumer.Next(jetstream.FetchMaxWait(2 * time.Second))
			fail("fetch", err)
			_, err = consumer.Next(jetstream.FetchMaxWait(2 * time.Second))
			fail("fetch", err)
		},
		"acknowledged-twice": func(js jetstream.JetStream, _ *nats.Conn, ctx context.Context) {
			consumer, err := js.Consumer(ctx, "ORDERS", "reader")
			must(err)
			msg, err := consumer.Next(jetstream.FetchMaxWait(patience))
			must(err)
			must(msg.Ack())
			fail("acknowledge", msg.Ack())
		},
		"key-value": func(js jetstream.JetStream, nc *nats.Conn, ctx context.Context) {
			_, err := js.KeyValue(ctx, "missing")
			fail("open the bucket", err)
			_, err = js.KeyValue(ctx, "a b")
			fail("open the bucket", err)
			box, err := js.KeyValue(ctx, "box")
			must(err)
			_, err = box.Get(ctx, "missing")
			fail("get the key", err)
			_, err = box.Get(ctx, "a b")
			fail("get the key", err)
			_, err = box.Create(ctx, "there", nil)
			fail("create the key", err)
			_, err = box.Update(ctx, "there", nil, 77)
			fail("update the key", err)
			must(box.Delete(ctx, "gone"))
			_, err = box.Get(ctx, "gone")
			fail("get the key", err)
			lister, err := box.ListKeysFiltered(ctx, "nothing.>")
			fail("list the keys", err)
			_ = lister
			_, err = box.History(ctx, "missing")
			fail("look at the history", err)
			_, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "many", History: 100})
			fail("create the bucket", err)
			_, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "box", History: 5})
			fail("create the bucket", err)
			old, _ := nc.JetStream()
			_, err = old.KeyValue("missing")
			fail("open the bucket", err)
			before, err := old.KeyValue("box")
			must(err)
			_, err = before.Get("missing")
			fail("get the key", err)
			_, err = before.Create("there", nil)
			fail("create the key", err)
			_, err = before.Update("there", nil, 77)
			fail("update the key", err)
		},
		"objects": func(js jetstream.JetStream, _ *nats.Conn, ctx context.Context) {
			_, err := js.ObjectStore(ctx, "missing")
			fail("open the store", err)
			store, err := js.ObjectStore(ctx, "store")
			must(err)
			_, err = store.GetBytes(ctx, "missing")
			fail("get the object", err)
			_, err = store.GetInfo(ctx, "")
			fail("look at the object", err)
			fail("delete the object", store.Delete(ctx, "missing"))
			_, err = store.List(ctx)
			fail("list the objects", err)
		},
	}
	operation := os.Args[1]
	if run, ok := core[operation]; ok {
		nc := connect()
		run(nc)
		nc.Close()
		return
	}
	run, ok := streams[operation]
	if !ok {
		os.Exit(9)
	}
	nc := connect()
	js, err := jetstream.New(nc)
	must(err)
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	run(js, nc, ctx)
	nc.Close()
}
