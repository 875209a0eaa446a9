/* SPDX-License-Identifier: Apache-2.0 */
/* generated from hdl/spec/core.toml by tools/gen_core.py; do not edit */
#ifndef SPK_CORE_DEFS_H
#define SPK_CORE_DEFS_H

/* versions */
#define SPK_VERSION_PROTOCOL 1u
#define SPK_VERSION_CORE 1u
#define SPK_VERSION_PROGRAM 1u

/* parameter defaults */
#define SPK_DEFAULT_N 256u
#define SPK_DEFAULT_A 256u
#define SPK_DEFAULT_L 8u
#define SPK_DEFAULT_WB 8u
#define SPK_DEFAULT_VB 18u
#define SPK_DEFAULT_AB 16u
#define SPK_DEFAULT_D 8u
#define SPK_DEFAULT_NSEG 512u
#define SPK_DEFAULT_NPOP 16u
#define SPK_DEFAULT_WWORDS 16384u
#define SPK_DEFAULT_EVQ 512u
#define SPK_DEFAULT_SPKQ 512u
#define SPK_DEFAULT_RXBUF 1024u

/* limits */
#define SPK_MAX_PAYLOAD 248u
#define SPK_MAX_CHAIN 64u
#define SPK_DECAY_BITS 12u
#define SPK_COUNT_BITS 16u
#define SPK_EVENT_HORIZON 32767u
#define SPK_MAGIC 0x4E4B5053u

/* commands */
#define SPK_CMD_PING 1u
#define SPK_CMD_READ 2u
#define SPK_CMD_WRITE 3u
#define SPK_CMD_CRC32 4u
#define SPK_CMD_EVENTS 5u
#define SPK_CMD_RUN 6u
#define SPK_CMD_STOP 7u
#define SPK_CMD_CLEAR 8u
#define SPK_CMD_SPIKES 9u
#define SPK_CMD_ARGMAX 10u
#define SPK_CMD_SET_BAUD 11u

/* status codes of a reply */
#define SPK_ST_OK 0u
#define SPK_ST_DUPLICATE 1u
#define SPK_ST_BAD_COMMAND 2u
#define SPK_ST_BAD_LENGTH 3u
#define SPK_ST_BAD_WINDOW 4u
#define SPK_ST_BAD_ADDRESS 5u
#define SPK_ST_READ_ONLY 6u
#define SPK_ST_BUSY 7u
#define SPK_ST_BAD_SEQUENCE 8u
#define SPK_ST_EVENT_PAST 9u
#define SPK_ST_EVENT_ORDER 10u
#define SPK_ST_EVENT_RANGE 11u
#define SPK_ST_QUEUE_FULL 12u
#define SPK_ST_BAD_VALUE 13u
#define SPK_ST_NO_PROGRAM 14u

/* memory windows */
#define SPK_WIN_REG 0u
#define SPK_WIN_WEIGHT 1u
#define SPK_WIN_SEG 2u
#define SPK_WIN_PARAM 3u
#define SPK_WIN_STATE 4u
#define SPK_WIN_POP 5u
#define SPK_WIN_ACC 6u
#define SPK_WIN_COUNT 7u
#define SPK_WIN_FIRED 8u

/* halfwords per entry of a window */
#define SPK_STRIDE_REG 1u
#define SPK_STRIDE_WEIGHT 4u
#define SPK_STRIDE_SEG 4u
#define SPK_STRIDE_PARAM 4u
#define SPK_STRIDE_STATE 4u
#define SPK_STRIDE_POP 16u
#define SPK_STRIDE_ACC 1u
#define SPK_STRIDE_COUNT 1u
#define SPK_STRIDE_FIRED 1u

/* bits of the CLEAR mask */
#define SPK_CLEAR_STATE_BIT 0u
#define SPK_CLEAR_COUNTS_BIT 1u
#define SPK_CLEAR_QUEUES_BIT 2u
#define SPK_CLEAR_WEIGHTS_BIT 3u
#define SPK_CLEAR_TABLES_BIT 4u
#define SPK_CLEAR_ERRORS_BIT 5u

/* register addresses, in halfwords */
#define SPK_REG_MAGIC 0u
#define SPK_REG_PROTOCOL 2u
#define SPK_REG_CORE 3u
#define SPK_REG_BUILD_ID 4u
#define SPK_REG_N 6u
#define SPK_REG_A 7u
#define SPK_REG_L 8u
#define SPK_REG_WB 9u
#define SPK_REG_VB 10u
#define SPK_REG_AB 11u
#define SPK_REG_D 12u
#define SPK_REG_NSEG 13u
#define SPK_REG_NPOP 14u
#define SPK_REG_EVQ 15u
#define SPK_REG_WWORDS 16u
#define SPK_REG_SPKQ 18u
#define SPK_REG_RXBUF 19u
#define SPK_REG_FEATURES 20u
#define SPK_REG_CLK_HZ 22u
#define SPK_REG_STATUS 32u
#define SPK_REG_STEP 34u
#define SPK_REG_LAST_CYCLES 36u
#define SPK_REG_TOTAL_CYCLES 38u
#define SPK_REG_EV_FREE 41u
#define SPK_REG_SPK_LEVEL 42u
#define SPK_REG_FIRED_COUNT 43u
#define SPK_REG_DEADLINE 44u
#define SPK_REG_ERR_FRAMING 48u
#define SPK_REG_ERR_OVERRUN 49u
#define SPK_REG_ERR_CRC 50u
#define SPK_REG_ERR_FRAME 51u
#define SPK_REG_ERR_SEQUENCE 52u
#define SPK_REG_BREAKS 53u
#define SPK_REG_FRAMES 54u
#define SPK_REG_CTRL 64u
#define SPK_REG_PROGRAM_ID 66u
#define SPK_REG_TICK_PERIOD 68u
#define SPK_REG_SCRATCH 70u

/* bits of register STATUS */
#define SPK_STATUS_RUNNING_BIT 0u
#define SPK_STATUS_BUSY_BIT 1u
#define SPK_STATUS_STALLED_BIT 2u
#define SPK_STATUS_DEADLINE_BIT 3u
#define SPK_STATUS_CHAIN_BIT 4u

/* bit fields of one SEG entry */
#define SPK_SEG_BASE_LSB 0u
#define SPK_SEG_BASE_WIDTH 16u
#define SPK_SEG_FIRST_LSB 16u
#define SPK_SEG_FIRST_WIDTH 8u
#define SPK_SEG_COUNT_LSB 24u
#define SPK_SEG_COUNT_WIDTH 8u
#define SPK_SEG_DELAY_LSB 32u
#define SPK_SEG_DELAY_WIDTH 4u
#define SPK_SEG_VALID_LSB 36u
#define SPK_SEG_VALID_WIDTH 1u
#define SPK_SEG_MORE_LSB 37u
#define SPK_SEG_MORE_WIDTH 1u
#define SPK_SEG_NEXT_LSB 48u
#define SPK_SEG_NEXT_WIDTH 16u

/* bit fields of one PARAM entry */
#define SPK_PARAM_V_TH_LSB 0u
#define SPK_PARAM_V_TH_WIDTH 18u
#define SPK_PARAM_BIAS_LSB 18u
#define SPK_PARAM_BIAS_WIDTH 18u
#define SPK_PARAM_REFR_LEN_LSB 36u
#define SPK_PARAM_REFR_LEN_WIDTH 8u

/* bit fields of one STATE entry */
#define SPK_STATE_V_LSB 0u
#define SPK_STATE_V_WIDTH 18u
#define SPK_STATE_I_LSB 18u
#define SPK_STATE_I_WIDTH 18u
#define SPK_STATE_REFR_LSB 36u
#define SPK_STATE_REFR_WIDTH 8u

/* bit fields of one POP entry */
#define SPK_POP_FIRST_LSB 0u
#define SPK_POP_FIRST_WIDTH 8u
#define SPK_POP_LAST_LSB 8u
#define SPK_POP_LAST_WIDTH 8u
#define SPK_POP_VALID_LSB 16u
#define SPK_POP_VALID_WIDTH 1u
#define SPK_POP_HOLD_LSB 17u
#define SPK_POP_HOLD_WIDTH 1u
#define SPK_POP_RECORD_LSB 18u
#define SPK_POP_RECORD_WIDTH 1u
#define SPK_POP_RESET_LSB 20u
#define SPK_POP_RESET_WIDTH 2u
#define SPK_POP_GAIN_LSB 22u
#define SPK_POP_GAIN_WIDTH 3u
#define SPK_POP_ALPHA_V_LSB 32u
#define SPK_POP_ALPHA_V_WIDTH 13u
#define SPK_POP_ALPHA_I_LSB 48u
#define SPK_POP_ALPHA_I_WIDTH 13u
#define SPK_POP_RESET_VALUE_LSB 64u
#define SPK_POP_RESET_VALUE_WIDTH 18u
#define SPK_POP_V_FLOOR_LSB 96u
#define SPK_POP_V_FLOOR_WIDTH 18u
#define SPK_POP_V_INIT_LSB 128u
#define SPK_POP_V_INIT_WIDTH 18u
#define SPK_POP_START_TICK_LSB 160u
#define SPK_POP_START_TICK_WIDTH 16u

/* clock cycles of one step */
#define SPK_CYCLES_STEP 5u
#define SPK_CYCLES_SOURCE 2u
#define SPK_CYCLES_SEGMENT 1u
#define SPK_CYCLES_POP 16u

#endif /* SPK_CORE_DEFS_H */
