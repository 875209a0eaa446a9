// SPDX-License-Identifier: Apache-2.0
// Walks the population table from record 0 to the first invalid one. For each record it loads
// the constants (12 cycles, one halfword each), then names one neuron per cycle, then waits for
// the pipe (4 cycles). With fill_i the neurons are named to be set to v_init: the pipe is not
// used, there is nothing to wait for, and reset_value_o holds v_init.
// start_i begins a walk, done_o is its last cycle: the third of a load that finds no record.
// A table full of valid records ends the same way, so the length never depends on its size.
`default_nettype none

module spk_neuron_seq #(
    parameter integer N    = 256,  // neurons
    parameter integer L    = 8,    // lanes
    parameter integer VB   = 18,   // bits of a state word
    parameter integer NPOP = 16    // records
) (
    input  wire                           clk,
    input  wire                           rst,
    // walk
    input  wire                           start_i,
    input  wire                           fill_i,         // stable during a walk
    input  wire [                   15:0] tick_i,         // low half of the step
    input  wire                           tick_high_i,    // the high half is not 0
    output wire                           busy_o,
    output wire                           done_o,
    // population table, halfword one cycle after its address
    output wire [$clog2(NPOP * 16) - 1:0] pop_raddr_o,
    input  wire [                   15:0] pop_rdata_i,
    // constants of the present record
    output wire                           frozen_o,
    output wire                           hold_o,
    output wire                           record_o,
    output wire [                    1:0] reset_o,
    output wire [                    2:0] gain_o,
    output wire [                   12:0] alpha_v_o,
    output wire [                   12:0] alpha_i_o,
    output wire [                 VB-1:0] reset_value_o,
    output wire [                 VB-1:0] v_floor_o,
    // neuron named in this cycle
    output wire                           issue_o,
    output wire [          $clog2(N)-1:0] idx_o,
    output wire                           begin_o,        // index counters take first_o
    output wire [      $clog2(N/L) - 1:0] first_o,
    input  wire                           pipe_idle_i
);

  `include "spk_core_defs.vh"

  localparam integer NW = $clog2(N);
  localparam integer LW = $clog2(L);
  localparam integer GW = NW - LW;
  localparam integer PW = $clog2(NPOP * 16);

  localparam [1:0] IDLE = 2'd0;
  localparam [1:0] LOAD = 2'd1;
  localparam [1:0] RUN = 2'd2;
  localparam [1:0] DRAIN = 2'd3;

  // A halfword of the record is at the port in the load cycle after the one that asks for it.
  localparam integer GROUPS = (SPK_POP_FIRST_LSB / 16) + 1;
  localparam integer FLAGS = (SPK_POP_VALID_LSB / 16) + 1;
  localparam integer ALPHA_V = (SPK_POP_ALPHA_V_LSB / 16) + 1;
  localparam integer ALPHA_I = (SPK_POP_ALPHA_I_LSB / 16) + 1;
  localparam integer RESET_LOW = (SPK_POP_RESET_VALUE_LSB / 16) + 1;
  localparam integer FLOOR_LOW = (SPK_POP_V_FLOOR_LSB / 16) + 1;
  localparam integer INIT_LOW = (SPK_POP_V_INIT_LSB / 16) + 1;
  localparam integer START = (SPK_POP_START_TICK_LSB / 16) + 1;

  reg [1:0] state_q;
  reg [3:0] load_q;  // cycle of the load
  reg [PW-4:0] record_q;  // record number; the bit above the table's says that it is past the end
  reg [NW-1:0] idx_q;
  reg [GW-1:0] last_q;
  reg frozen_q, hold_q, record_spikes_q;
  reg [1:0] reset_q;
  reg [2:0] gain_q;
  reg [12:0] alpha_v_q, alpha_i_q;
  reg [17:0] reset_value_q, v_floor_q;

  wire [31:0] load = {28'd0, load_q};
  wire past_end = record_q == NPOP[PW-4:0];
  wire record_ok = pop_rdata_i[SPK_POP_VALID_LSB%16] & ~past_end;
  wire [PW:0] halfword = {record_q, load_q};
  wire loading = state_q == LOAD;
  wire table_done = loading & (load == FLAGS) & ~record_ok;
  wire last_neuron = idx_q == {last_q, {LW{1'b1}}};
  wire next_record = ((state_q == RUN) & last_neuron & fill_i) |
                     ((state_q == DRAIN) & pipe_idle_i);

  always @(posedge clk) begin
    case (state_q)
      IDLE: if (start_i) state_q <= LOAD;
      LOAD:
      if (table_done) state_q <= IDLE;
      else if (load == START) state_q <= RUN;
      RUN: if (last_neuron) state_q <= fill_i ? LOAD : DRAIN;
      default: if (pipe_idle_i) state_q <= LOAD;
    endcase
    load_q <= loading ? load_q + 4'd1 : 4'd0;
    if (start_i) record_q <= {(PW - 3) {1'b0}};
    else if (next_record) record_q <= record_q + {{(PW - 4) {1'b0}}, 1'b1};
    if (rst) state_q <= IDLE;
  end

  // Where the two 18-bit words of a record come from: v_init takes the place of reset_value.
  wire [31:0] value_low = fill_i ? INIT_LOW : RESET_LOW;

  always @(posedge clk) begin
    if (loading) begin
      case (load)
        GROUPS: last_q <= pop_rdata_i[SPK_POP_LAST_LSB%16+:GW];
        FLAGS: begin
          hold_q          <= pop_rdata_i[SPK_POP_HOLD_LSB%16];
          record_spikes_q <= pop_rdata_i[SPK_POP_RECORD_LSB%16];
          reset_q         <= pop_rdata_i[SPK_POP_RESET_LSB%16+:SPK_POP_RESET_WIDTH];
          gain_q          <= pop_rdata_i[SPK_POP_GAIN_LSB%16+:SPK_POP_GAIN_WIDTH];
        end
        ALPHA_V: alpha_v_q <= pop_rdata_i[SPK_POP_ALPHA_V_WIDTH-1:0];
        ALPHA_I: alpha_i_q <= pop_rdata_i[SPK_POP_ALPHA_I_WIDTH-1:0];
        FLOOR_LOW: v_floor_q[15:0] <= pop_rdata_i;
        FLOOR_LOW + 1: v_floor_q[17:16] <= pop_rdata_i[1:0];
        START: frozen_q <= ~tick_high_i & (tick_i < pop_rdata_i);
        default: ;
      endcase
      if (load == value_low) reset_value_q[15:0] <= pop_rdata_i;
      if (load == value_low + 32'd1) reset_value_q[17:16] <= pop_rdata_i[1:0];
    end
  end

  always @(posedge clk) begin
    if (begin_o) idx_q <= {first_o, {LW{1'b0}}};
    else if (state_q == RUN) idx_q <= idx_q + {{(NW - 1) {1'b0}}, 1'b1};
  end

  assign busy_o        = state_q != IDLE;
  assign done_o        = table_done;
  assign pop_raddr_o   = halfword[PW-1:0];
  assign frozen_o      = frozen_q;
  assign hold_o        = hold_q;
  assign record_o      = record_spikes_q;
  assign reset_o       = reset_q;
  assign gain_o        = gain_q;
  assign alpha_v_o     = alpha_v_q;
  assign alpha_i_o     = alpha_i_q;
  assign reset_value_o = reset_value_q[VB-1:0];
  assign v_floor_o     = v_floor_q[VB-1:0];
  assign issue_o       = state_q == RUN;
  assign idx_o         = idx_q;
  assign begin_o       = loading & (load == GROUPS);
  assign first_o       = pop_rdata_i[SPK_POP_FIRST_LSB%16+:GW];

  // A record has bits that are kept for later features, and words wider than VB.
  wire unused_value = &{1'b0, reset_value_q, v_floor_q, pop_rdata_i, halfword[PW]};

endmodule

`default_nettype wire
