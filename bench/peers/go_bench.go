// SPDX-License-Identifier: Apache-2.0

// Go on the same work: goroutines on one processor, a closed channel as the event, a context to cancel.
// Usage: go_bench TASK ITEMS REPETITIONS; prints ns or bytes for each item, a line a repetition.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const tasksOfASession = 11

// cpuNs is the processor time of this process, the collector's included.
func cpuNs() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano() + usage.Stime.Nano())
}

func residentBytes() float64 {
	debug.FreeOSMemory()
	statm, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.ParseFloat(strings.Fields(string(statm))[1], 64)
	return pages * float64(os.Getpagesize())
}

// settle lets all goroutines run until they wait.
func settle() {
	for i := 0; i < 100; i++ {
		runtime.Gosched()
	}
}

func gather(tasks int) float64 {
	start := cpuNs()
	results := make([]int, tasks)
	var running sync.WaitGroup
	running.Add(tasks)
	for i := range results {
		go func(i int) {
			runtime.Gosched()
			results[i] = i
			running.Done()
		}(i)
	}
	running.Wait()
	return (cpuNs() - start) / float64(tasks)
}

// gather10 is gather with ten goroutines at a time.
func gather10(tasks int) float64 {
	start := cpuNs()
	results := make([]int, tasks)
	slots := make(chan struct{}, 10)
	var running sync.WaitGroup
	running.Add(tasks)
	for i := range results {
		slots <- struct{}{}
		go func(i int) {
			runtime.Gosched()
			results[i] = i
			<-slots
			running.Done()
		}(i)
	}
	running.Wait()
	return (cpuNs() - start) / float64(tasks)
}

func waitCancellable(ctx context.Context, event <-chan struct{}) {
	select {
	case <-event:
	case <-ctx.Done():
	}
}

func sleepAnHour(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// live is the resident bytes of a goroutine that waits.
func live(tasks int, wait func(ctx context.Context)) float64 {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	before := residentBytes()
	running.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			wait(ctx)
			running.Done()
		}()
	}
	settle()
	bytes := residentBytes() - before
	cancel()
	running.Wait()
	return bytes / float64(tasks)
}

func liveEvent(tasks int) float64 {
	event := make(chan struct{})
	return live(tasks, func(ctx context.Context) { waitCancellable(ctx, event) })
}

func drain(tasks int) float64 {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			sleepAnHour(ctx)
			running.Done()
		}()
	}
	settle()
	start := cpuNs()
	cancel()
	running.Wait()
	return (cpuNs() - start) / float64(tasks)
}

func wake(tasks int) float64 {
	event := make(chan struct{})
	var running sync.WaitGroup
	running.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			timeout := time.NewTimer(time.Hour)
			select {
			case <-event:
			case <-timeout.C:
			}
			timeout.Stop()
			running.Done()
		}()
	}
	settle()
	start := cpuNs()
	close(event)
	running.Wait()
	return (cpuNs() - start) / float64(tasks)
}

// session runs eleven goroutines; when the one that receives ends, it cancels and joins the rest.
func session(peerGone <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Add(tasksOfASession)
	go func() {
		waitCancellable(ctx, peerGone)
		cancel()
		running.Done()
	}()
	for i := 1; i < tasksOfASession; i++ {
		go func() {
			sleepAnHour(ctx)
			running.Done()
		}()
	}
	running.Wait()
}

// sessions is the bytes of a session, and the ns in which each of its goroutines is torn down.
func sessions(count int) (bytes, ns float64) {
	peerGone := make(chan struct{})
	var running sync.WaitGroup
	running.Add(count)
	before := residentBytes()
	for i := 0; i < count; i++ {
		go func() {
			session(peerGone)
			running.Done()
		}()
	}
	settle()
	bytes = residentBytes() - before
	start := cpuNs()
	close(peerGone)
	running.Wait()
	ns = cpuNs() - start
	return bytes / float64(count), ns / float64(count*tasksOfASession)
}

func main() {
	runtime.GOMAXPROCS(1)
	items, _ := strconv.Atoi(os.Args[2])
	repetitions, _ := strconv.Atoi(os.Args[3])
	for i := 0; i < repetitions; i++ {
		var perItem float64
		switch os.Args[1] {
		case "gather":
			perItem = gather(items)
		case "gather10":
			perItem = gather10(items)
		case "live_event":
			perItem = liveEvent(items)
		case "live_timer":
			perItem = live(items, sleepAnHour)
		case "drain":
			perItem = drain(items)
		case "wake":
			perItem = wake(items)
		case "supervise":
			_, perItem = sessions(items)
		case "session_bytes":
			perItem, _ = sessions(items)
		default:
			panic("no task " + os.Args[1])
		}
		fmt.Println(perItem)
	}
}
