// SPDX-License-Identifier: Apache-2.0
// slack-go: the Web API, of which the fake lets the token xoxb-right in, and the incoming webhook.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/slack-go/slack"
)

var fake struct{ Url, Webhook, Control string }

func check(ok bool, format string, what ...interface{}) {
	if !ok {
		panic(fmt.Sprintf(format, what...))
	}
}

func postAsUser(message map[string]string) string {
	body, _ := json.Marshal(message)
	answer, err := http.Post(fake.Control, "application/json", bytes.NewReader(body))
	check(err == nil && answer.StatusCode == 200, "control: %v %v", answer, err)
	var made struct{ Id string }
	check(json.NewDecoder(answer.Body).Decode(&made) == nil, "control")
	return made.Id
}

func messages(api *slack.Client) {
	who, err := api.AuthTest()
	check(err == nil && who.Team == "Soak", "%v %v", who, err)
	text := slack.MsgOptionText("soak 1", false)
	section := slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", "*soak*", false, false), nil, nil)
	channel, ts, err := api.PostMessage("general", text, slack.MsgOptionBlocks(section))
	check(err == nil && channel[0] == 'C', "%s %v", channel, err)
	_, _, edited, err := api.UpdateMessage(channel, ts, slack.MsgOptionText("soak one", false))
	check(err == nil && edited == "soak one", "%s %v", edited, err)
	err = api.AddReaction("thumbsup", slack.NewRefToMessage(channel, ts))
	check(err == nil, "%v", err)
	_, reply, err := api.PostMessage(channel, slack.MsgOptionText("soak 2", false), slack.MsgOptionTS(ts))
	check(err == nil, "%v", err)
	thread, _, _, err := api.GetConversationReplies(&slack.GetConversationRepliesParameters{ChannelID: channel, Timestamp: ts})
	check(err == nil && len(thread) == 2 && thread[1].Timestamp == reply && thread[0].Text == "soak one", "%v %v", thread, err)

	posted := postAsUser(map[string]string{"conversation": channel, "text": "hello", "from": "U7"})
	history, err := api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: channel, Limit: 1})
	check(err == nil && history.Messages[0].Timestamp == posted && history.Messages[0].User == "U7", "%v %v", history, err)

	_, _, err = api.DeleteMessage(channel, ts)
	check(err == nil, "%v", err)
	_, _, err = api.DeleteMessage(channel, ts)
	check(err != nil && err.Error() == "message_not_found", "%v", err)
	channels, _, err := api.GetConversations(&slack.GetConversationsParameters{})
	check(err == nil && len(channels) == 2 && channels[0].Name == "general", "%v %v", channels, err)
	direct, _, _, err := api.OpenConversation(&slack.OpenConversationParameters{Users: []string{"U7"}})
	check(err == nil && direct.ID == "D7", "%v %v", direct, err)
	user, err := api.GetUserInfo("U7")
	check(err == nil && user.ID == "U7" && !user.IsBot, "%v %v", user, err)
	_, _, err = api.PostMessage("Not A Name", text)
	check(err != nil && err.Error() == "channel_not_found", "%v", err)
	err = slack.PostWebhook(fake.Webhook, &slack.WebhookMessage{Text: "soak 3"})
	check(err == nil, "%v", err)
}

// It has no limiter of its own. Its users wait as long as the error says.
func burst(api *slack.Client) {
	for i := 1; i <= 30; i++ {
		for {
			_, _, err := api.PostMessage("C2", slack.MsgOptionText(fmt.Sprintf("soak %d", i), false))
			if err == nil {
				break
			}
			var limited *slack.RateLimitedError
			check(errors.As(err, &limited) && limited.Retryable() && limited.RetryAfter > 0, "%v", err)
			time.Sleep(limited.RetryAfter)
		}
	}
}

func main() {
	check(json.Unmarshal([]byte(os.Getenv("SOAK_FAKE")), &fake) == nil, "SOAK_FAKE")
	root := slack.OptionAPIURL(fake.Url + "/")
	_, err := slack.New("xoxb-wrong", root).AuthTest()
	check(err != nil && err.Error() == "invalid_auth", "%v", err)
	api := slack.New("xoxb-right", root)
	messages(api)
	burst(api)
}
