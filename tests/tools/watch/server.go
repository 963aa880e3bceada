// SPDX-License-Identifier: Apache-2.0
// The same in Go: server PORT LEAK.
package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
)

func main() {
	leak, _ := strconv.Atoi(os.Args[2])
	var lock sync.Mutex
	var kept [][]byte
	requests := 0
	http.HandleFunc("/metrics", func(response http.ResponseWriter, _ *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		fmt.Fprintf(response, "# TYPE http_requests_total counter\nhttp_requests_total %d\n", requests)
	})
	http.HandleFunc("/", func(response http.ResponseWriter, _ *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		requests++
		if leak > 0 {
			page := make([]byte, leak)
			for i := range page {
				page[i] = byte(i)
			}
			kept = append(kept, page)
		}
		fmt.Fprint(response, "ok")
	})
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[1], nil); err != nil {
		fmt.Println(err, len(kept))
		os.Exit(1)
	}
}
